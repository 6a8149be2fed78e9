// The menu of a row, what to do about an error, and questions. The browser closes them by Escape or a click beside them.

import { find, make, say, write } from "../../render/common/common.js";

const GAP_PX = 4;

// Show a popover below a button, within the window.
function showBelow(popup, opener) {
  popup.showPopover({ source: opener });
  const { bottom, top, right } = opener.getBoundingClientRect(), { offsetWidth: width, offsetHeight: height } = popup;
  const isAbove = bottom + GAP_PX + height > innerHeight && top > height + GAP_PX;
  popup.style.left = `${Math.max(GAP_PX, Math.min(right - width, innerWidth - width - GAP_PX))}px`;
  popup.style.top = `${isAbove ? top - height - GAP_PX : bottom + GAP_PX}px`;
}

find("options").addEventListener("toggle", ({ newState }) => {
  if (newState !== "open") return;
  showBelow(find("options"), find("options-button"));
  find("with-vendor").focus();
});

// Show a menu. items: [said, action, isApart] each.
export function showMenu(opener, items) {
  const menu = find("menu");
  menu.replaceChildren(...items.flatMap(([said, action, isApart]) => {
    const item = write(make("button", { type: "button", role: "menuitem", tabIndex: -1, className: isApart ? "danger" : "" }), said);
    item.addEventListener("click", () => {
      menu.hidePopover();
      action();
    });
    return isApart ? [make("hr"), item] : [item];
  }));
  showBelow(menu, opener);
  menu.querySelector("button").focus();
}
find("menu").addEventListener("keydown", (event) => {
  const items = [...find("menu").querySelectorAll("button")], at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  items.at(next % items.length).focus();
});

// Show texts beside a button.
export function showAdvice(opener, ...texts) {
  const advice = find("advice"), close = write(make("button", { type: "button" }), () => say("jobs.close"));
  close.addEventListener("click", () => advice.hidePopover());
  advice.replaceChildren(...texts.map((text) => make("p", { textContent: text, dir: "auto" })), close);
  showBelow(advice, opener);
  close.focus();
}

// Ask before something that cannot be undone; return whether the reader agrees. said, agreed: the question, the button.
export function sure(said, agreed) {
  const dialog = find("confirm");
  write(find("question"), said);
  write(find("agree"), agreed);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "agree"), { once: true });
  });
}
for (const id of ["refuse", "agree"]) find(id).addEventListener("click", () => find("confirm").close(id));
