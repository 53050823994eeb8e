"""How large a list may be; what is larger is refused before it fills the memory."""

MAX_BYTES = 20_000_000
MAX_UNPACKED = 200_000_000
MAX_RATIO = 100
MAX_ROWS = 100_000
MAX_LINES = 1_100_000  # with the empty ones: a whole sheet of a spreadsheet
MAX_COLUMNS = 200
# Characters of a cell that are kept: twice what the longest field takes, so that what is cut off
# here is refused there.
MAX_CELL = 4_000
# of the whole rectangle, empty ones too: 100,000 rows of 40 columns; what is held in memory follows
# it
MAX_CELLS = 4_000_000
