// What Python in its worker cannot ask of the browser itself: only the page can.

let installPrompt = null; // Chromium's own, kept until someone wants it
const standalone = matchMedia("(display-mode: standalone)");

// `tell` carries to Python what happens by itself.
export function watchDevice(tell) {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    installPrompt = event;
    tell({ install: installation() });
  });
  addEventListener("appinstalled", () => {
    installPrompt = null;
    tell({ install: "installed" });
  });
  addEventListener("hashchange", () => {
    const code = takeInvitation();
    if (code) tell({ invitation: code });
  });
}

// "installed", "offered" (the browser has a prompt), "ios" (by hand, in Safari's menu), or "".
function installation() {
  if (standalone.matches || navigator.standalone) return "installed";
  if (installPrompt) return "offered";
  const touchMac = navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1; // an iPad
  return touchMac || /iPhone|iPad|iPod/.test(navigator.userAgent) ? "ios" : "";
}

// The one-time code of an invitation: "#invitation=AB12-CD34". A fragment is never sent to a server,
// and it leaves the address bar and the history as soon as it was read.
export function takeInvitation() {
  const code = new URLSearchParams(location.hash.slice(1)).get("invitation") ?? "";
  if (!/^[A-Za-z0-9-]{4,64}$/.test(code)) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return code;
}

const ANSWERS = {
  device: async () => ({
    install: installation(),
    reminders: globalThis.Notification?.permission ?? "unsupported",
  }),
  persist: async () => ({ persisted: Boolean(await navigator.storage.persist?.()) }),
  install: async () => {
    const prompt = installPrompt;
    installPrompt = null; // it can be used once
    await prompt?.prompt();
    const choice = await prompt?.userChoice;
    return { install: choice?.outcome === "accepted" ? "installed" : installation() };
  },
  allow_reminders: async () => ({
    reminders: (await globalThis.Notification?.requestPermission()) ?? "unsupported",
  }),
  // Phones allow notifications only through the service worker; a tap on one opens the app.
  remind: async ({ title, tag }) => {
    const registration = await navigator.serviceWorker?.getRegistration();
    await registration?.showNotification(title, { tag, icon: "/icons/icon-192.png" });
    return {};
  },
  badge: async ({ count }) => {
    await (count ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.());
    return {};
  },
};

export async function answer({ question, ...details }) {
  try {
    return await ANSWERS[question](details);
  } catch (error) {
    return { error: String(error) };
  }
}
