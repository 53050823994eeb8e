-- Metrics of the reports, and when a fall is a warning (S-28, S-112).

alter table crm.metrics
  add column on_sheet bool not null default true,
  add column split_by text check (split_by in ('level', 'source', 'hour', 'reason')),
  add column fall_limit int not null default 30 check (fall_limit between 1 and 100);

-- a dozen rows
alter table crm.metrics
  -- squawk-ignore ban-drop-constraint
  drop constraint metrics_unit_check,
  -- squawk-ignore constraint-missing-not-valid
  add constraint metrics_unit_check
    check (unit in ('count', 'money', 'share', 'percent', 'seconds'));

update crm.metrics set split_by = 'level' where by_level;
update crm.metrics set fall_limit = 20 where unit = 'share';

-- split_by says it
-- squawk-ignore ban-drop-column
alter table crm.metrics drop column by_level;

comment on table crm.metrics is
  'Every number a manager is shown, defined once. rows_function: the function of crm that yields '
  'its rows; count: how many there are, money: the sum of their amounts in 分, share: the sum of '
  'their amounts (1 or 0) of how many there are, percent: the mean of their amounts (0 to 100), '
  'seconds: the median of their amounts. direction: which way is better; fall_limit: by how many '
  'per cent it may become worse from one period to the next without a warning. split_by: what its '
  'dimension is. on_sheet: whether the meeting sheet shows it, or only reports do. form, field: '
  'who may not read that field is not shown the number.';

insert into crm.metrics (
  position, key, unit, grain, direction, on_sheet, split_by, fall_limit, rows_function, form, field,
  label, definition
)
values
  (
    21, 'sources', 'count', 'day', 'up', false, 'source', 30, 'sources_on', 'customer', 'source',
    '{"zh_CN": "客户来源", "zh_TW": "客戶來源", "en": "New customers by source"}',
    '{
      "zh_CN": "期间建档的客户，按首次来源划分，计在现在的顾问名下。",
      "zh_TW": "期間建檔的客戶，按首次來源劃分，計在現在的顧問名下。",
      "en": "Customers entered in the period by their first source, for the advisor who has them."
    }'
  ),
  (
    22, 'record_time', 'seconds', 'day', 'down', false, null, 50, 'record_times_on', null, null,
    '{"zh_CN": "接待到录入", "zh_TW": "接待到錄入", "en": "From arrival to record"}',
    '{
      "zh_CN": "到店接待从客户到店到登记的时间，取中位数，计在登记人名下。",
      "zh_TW": "到店接待從客戶到店到登記的時間，取中位數，計在登記人名下。",
      "en": "Median time from a visitor''s arrival to the record of it, for who recorded it."
    }'
  ),
  (
    23, 'calls', 'count', 'day', 'up', false, 'hour', 30, 'calls_on', null, null,
    '{"zh_CN": "电话", "zh_TW": "電話", "en": "Calls"}',
    '{
      "zh_CN": "期间打出并记录的电话，按钟点划分，计在记录人名下。",
      "zh_TW": "期間撥出並記錄的電話，按鐘點劃分，計在記錄人名下。",
      "en": "Calls made and logged in the period, by the hour of the day, for their author."
    }'
  ),
  (
    24, 'calls_reached', 'share', 'day', 'up', false, null, 20, 'call_results_on', null, null,
    '{"zh_CN": "电话接通率", "zh_TW": "電話接通率", "en": "Calls that reached"}',
    '{
      "zh_CN": "期间的电话中联系上客户的比例，计在记录人名下。",
      "zh_TW": "期間的電話中聯繫上客戶的比例，計在記錄人名下。",
      "en": "Of the calls of the period, the share that reached the customer, for their author."
    }'
  ),
  (
    25, 'missed', 'count', 'day', 'down', false, null, 30, 'missed_on', null, null,
    '{"zh_CN": "逾期任务", "zh_TW": "逾期任務", "en": "Missed tasks"}',
    '{
      "zh_CN": "期间到期、到期当天结束时还没有完成的任务，计在负责人名下。暂停的不计。",
      "zh_TW": "期間到期、到期當天結束時還沒有完成的任務，計在負責人名下。暫停的不計。",
      "en": "Tasks due in the period and not cleared when their day ended, for who has them."
    }'
  ),
  (
    26, 'excused', 'count', 'day', null, false, null, 30, 'excused_on', null, null,
    '{"zh_CN": "批准取消的任务", "zh_TW": "批准取消的任務", "en": "Excused tasks"}',
    '{
      "zh_CN": "期间经批准取消的任务，计在负责人名下。",
      "zh_TW": "期間經批准取消的任務，計在負責人名下。",
      "en": "Tasks whose cancellation was approved in the period, for who had them."
    }'
  ),
  (
    27, 'late_entries', 'count', 'day', 'down', false, null, 30, 'late_entries_on', null, null,
    '{"zh_CN": "补录的沟通", "zh_TW": "補錄的溝通", "en": "Late entries"}',
    '{
      "zh_CN": "期间的沟通中当天没有录入、之后才录入的，计在记录人名下。",
      "zh_TW": "期間的溝通中當天沒有錄入、之後才錄入的，計在記錄人名下。",
      "en": "Conversations of the period that were entered on a later day, for their author."
    }'
  ),
  (
    28, 'visits_without_plan', 'count', 'day', 'down', false, null, 30, 'visits_without_plan_on',
    'customer', 'next_contact_on',
    '{"zh_CN": "接待后无计划", "zh_TW": "接待後無計劃", "en": "Visits without a next step"}',
    '{
      "zh_CN": "期间到店、现在没有下次联系、任务和之后成交的客户，每次接待计一次。",
      "zh_TW": "期間到店、現在沒有下次聯繫、任務和之後成交的客戶，每次接待計一次。",
      "en": "Visits of the period without a next contact, a task or a deal won since."
    }'
  ),
  (
    29, 'capture', 'share', 'day', 'up', false, null, 20, 'captures_on', null, null,
    '{"zh_CN": "留档率", "zh_TW": "留檔率", "en": "Capture rate"}',
    '{
      "zh_CN": "期间的接待中留下客户资料的比例（当时或之后），计在客户的顾问或接待人名下。",
      "zh_TW": "期間的接待中留下客戶資料的比例（當時或之後），計在客戶的顧問或接待人名下。",
      "en": "Of the visits of the period, the share that left a form, then or since."
    }'
  ),
  (
    30, 'completeness', 'percent', 'day', 'up', false, null, 20, 'completeness_on', null, null,
    '{"zh_CN": "资料完整性", "zh_TW": "資料完整性", "en": "Completeness"}',
    '{
      "zh_CN": "期间手工建档的客户，现在已填的字段占适用字段的百分比的平均值，计在录入人名下。级别、下次联系、勾选项和公式不计。",
      "zh_TW": "期間手工建檔的客戶，現在已填的欄位占適用欄位的百分比的平均值，計在錄入人名下。級別、下次聯繫、勾選項和公式不計。",
      "en": "How much of the fields that apply is filled now, on average of those entered by hand."
    }'
  ),
  (
    31, 'correctness', 'share', 'day', 'up', false, null, 20, 'correctness_on', 'customer', 'phone',
    '{"zh_CN": "资料正确性", "zh_TW": "資料正確性", "en": "Correctness"}',
    '{
      "zh_CN": "期间手工建档的客户中，姓名、电话、来源之后没有改正，且电话号码有效的比例，计在录入人名下。",
      "zh_TW": "期間手工建檔的客戶中，姓名、電話、來源之後沒有改正，且電話號碼有效的比例，計在錄入人名下。",
      "en": "Customers entered by hand with a valid phone, whose name, phone and source stayed."
    }'
  ),
  (
    32, 'deals_lost', 'count', 'day', null, false, 'reason', 30, 'deals_lost_on', null, null,
    '{"zh_CN": "战败", "zh_TW": "戰敗", "en": "Deals lost"}',
    '{
      "zh_CN": "期间战败的商机，按原因划分，计在商机的顾问名下。",
      "zh_TW": "期間戰敗的商機，按原因劃分，計在商機的顧問名下。",
      "en": "Deals lost in the period, by reason, for their owner."
    }'
  ),
  (
    33, 'win_rate', 'share', 'day', 'up', false, 'source', 20, 'win_rates_on', 'customer', 'source',
    '{"zh_CN": "各来源成交率", "zh_TW": "各來源成交率", "en": "Win rate by source"}',
    '{
      "zh_CN": "期间结束的商机中成交的比例，按客户的首次来源划分，计在商机的顾问名下。",
      "zh_TW": "期間結束的商機中成交的比例，按客戶的首次來源劃分，計在商機的顧問名下。",
      "en": "Of the deals closed in the period, the share that was won, by the source."
    }'
  );
