"""One parser for each kind of value: phone, plate, frame number, money, number, year, day, time,
and the words for nothing. The phone app, the panel, imports and search read with the same ones."""
