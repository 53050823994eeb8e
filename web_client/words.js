// The sentences of the start page, before the app and its catalogues are there.
const WORDS = {
  zh: {
    downloading: "正在下载 {done} / {total} MB",
    waiting: "网络断开，恢复后继续下载（{done} / {total} MB）",
    starting: "正在启动…",
    updating: "正在换用新版本…",
    elsewhere: "展厅助手已在另一个标签页打开。同一时间只能在一个标签页使用。",
    moved: "展厅助手已转到另一个标签页使用。",
    use_here: "在这里使用",
    again: "重试",
    old_browser: "这个浏览器版本太旧，无法运行展厅助手。请更新浏览器（Chrome 或 Edge 102、Safari 16.4、Firefox 111 以上），或换一个浏览器打开。",
    insecure: "地址必须以 https:// 开头。请向管理员索要正确的链接。",
    storage_blocked: "浏览器不允许保存数据，所以离线工作无法进行。请关闭无痕（隐私）模式，或在浏览器设置中允许本站保存数据，然后重试。",
    disk_full: "手机存储空间不足。请腾出至少 200 MB 空间后重试。已保存的工作不会丢失。",
    not_set_up: "这个网站还没有设置好（config.json）。请联系管理员。",
    failed: "启动失败。请重试；如果仍然失败，请把下面的文字发给管理员。已保存的工作不会丢失。",
  },
  hant: {
    downloading: "正在下載 {done} / {total} MB",
    waiting: "網路中斷，恢復後繼續下載（{done} / {total} MB）",
    starting: "正在啟動…",
    updating: "正在換用新版本…",
    elsewhere: "展廳助手已在另一個分頁開啟。同一時間只能在一個分頁使用。",
    moved: "展廳助手已轉到另一個分頁使用。",
    use_here: "在這裡使用",
    again: "重試",
    old_browser: "這個瀏覽器版本太舊，無法執行展廳助手。請更新瀏覽器（Chrome 或 Edge 102、Safari 16.4、Firefox 111 以上），或換一個瀏覽器開啟。",
    insecure: "網址必須以 https:// 開頭。請向管理員索取正確的連結。",
    storage_blocked: "瀏覽器不允許儲存資料，因此無法離線工作。請關閉無痕（私密）模式，或在瀏覽器設定中允許本站儲存資料，然後重試。",
    disk_full: "手機儲存空間不足。請騰出至少 200 MB 空間後重試。已儲存的工作不會遺失。",
    not_set_up: "這個網站還沒有設定好（config.json）。請聯絡管理員。",
    failed: "啟動失敗。請重試；如果仍然失敗，請把下面的文字傳給管理員。已儲存的工作不會遺失。",
  },
  en: {
    downloading: "Downloading {done} of {total} MB",
    waiting: "No network. The download continues when it is back ({done} of {total} MB).",
    starting: "Starting…",
    updating: "Switching to the new version…",
    elsewhere: "Forecourt is open in another tab. Only one tab can be used at a time.",
    moved: "Forecourt is now used in another tab.",
    use_here: "Use it here",
    again: "Try again",
    old_browser: "This browser is too old for Forecourt. Update it (Chrome or Edge 102, Safari 16.4, Firefox 111 or newer), or open this page in another browser.",
    insecure: "The address must begin with https://. Ask your administrator for the right link.",
    storage_blocked: "The browser does not let this site store data, so it cannot work offline. Leave private browsing, or allow this site to store data in the browser's settings, and try again.",
    disk_full: "This phone's storage is full. Free at least 200 MB and try again. Saved work is not lost.",
    not_set_up: "This site is not set up yet (config.json). Contact your administrator.",
    failed: "Starting failed. Try again; if it fails again, send the text below to your administrator. Saved work is not lost.",
  },
};

export function language() {
  const wanted = navigator.language || "zh";
  if (/^zh-(tw|hk|mo|hant)/i.test(wanted)) return "hant";
  return /^zh/i.test(wanted) ? "zh" : "en";
}

// sentence("downloading", {done: 6, total: 14})
export function sentence(key, values = {}) {
  return WORDS[language()][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
