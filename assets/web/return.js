// The panel comes back from a dropped connection by loading itself anew, at the same address; the server keeps what was being done.
// Flet's own way (1.0.5) moves the whole page under a "Working..." layer and back; with the semantics tree on, Flutter then builds that tree over
// and over: 10 s to minutes at full CPU with the panel's deep pages, in which no click does anything. The phone's flat pages take it well.
(() => {
  if (!/^\/admin(\/|$)/.test(location.pathname)) return;
  const words = {zh: "连接断开，正在重新连接…", hant: "連線中斷，正在重新連線…", en: "The connection broke; coming back…"};
  let leaving = false, returning = false;
  addEventListener("pagehide", () => { leaving = true; });

  const tell = () => {
    const language = /^zh-(tw|hk|mo|hant)/i.test(navigator.language) ? "hant" : /^zh/i.test(navigator.language) ? "zh" : "en";
    const box = document.createElement("div");
    box.id = "returning";
    box.setAttribute("role", "status");
    box.textContent = words[language];
    box.style.cssText = "position:fixed;inset:0;z-index:9;display:flex;align-items:flex-start;justify-content:center;padding-top:76px;font:15px/1 sans-serif;color:#fff;background:rgba(20,24,28,.28);text-shadow:0 1px 3px #000";
    document.body.append(box);
  };
  const comeBack = async () => {
    returning = true;
    const late = setTimeout(tell, 400);
    for (;;) {
      try {
        if ((await fetch("/healthz", {cache: "no-store"})).ok) break;
      } catch { /* not there yet */ }
      await new Promise(done => setTimeout(done, 700));
    }
    clearTimeout(late);
    if (!leaving) location.reload();
  };

  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      let opened = false;
      const hide = event => {  // ours is the first listener: Flet never hears of it
        if (!opened) return;
        event.stopImmediatePropagation();
        if (event.type === "close" && !leaving && !returning) comeBack();
      };
      this.addEventListener("open", () => { opened = true; });
      this.addEventListener("close", hide);
      this.addEventListener("error", hide);
    }
  };
})();
