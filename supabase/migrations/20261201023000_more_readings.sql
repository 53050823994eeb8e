-- Readings of names that were missing: 阚 was found by han only, 费 by fei, 朝 by chao.

update crm.pinyin p
set surname_reading = v.reading
from (
  values
    ('乜', 'nie'),
    ('阚', 'kan'),
    ('闞', 'kan')
) v (hanzi, reading)
where p.hanzi = v.hanzi;

update crm.pinyin p
set other_reading = v.reading
from (
  values
    ('么', 'yao'),
    ('句', 'gou'),
    ('朝', 'zhao'),
    ('費', 'bi'),
    ('费', 'bi'),
    ('郄', 'xi'),
    ('都', 'du'),
    ('隽', 'jun'),
    ('雋', 'jun'),
    ('頡', 'jie'),
    ('颉', 'jie')
) v (hanzi, reading)
where p.hanzi = v.hanzi;

-- Who is there already, where the functions are: a new database has neither.
do $$
begin
  if to_regprocedure('crm.pinyin_of(text)') is not null then
    execute $update$
      update crm.customers c
      set pinyin = p.full_text, initials = p.initials
      from crm.customers named
      cross join lateral crm.pinyin_of(named.name) p
      where named.store_id = c.store_id
        and named.id = c.id
        and c.name ~ '[乜阚闞么句朝費费郄都隽雋頡颉]'
    $update$;
  end if;
end $$;
