"use strict";
// Common to the pages: elements, texts in the reader's language (each page has its own CHINESE), files.

const find = (id) => document.getElementById(id);
const stored = (id) => JSON.parse(find(id).textContent);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const isChinese = navigator.language.startsWith("zh");
const say = (words, ...values) =>
  ((isChinese && CHINESE[words]) || words).replace(/\{(\d)\}/g, (_, index) => values[index]);

function translate() {
  if (!isChinese) return;
  document.documentElement.lang = "zh-CN";
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.data.trim();
    if (Object.hasOwn(CHINESE, words)) texts.currentNode.data = CHINESE[words];
  }
  for (const name of ["aria-label", "placeholder"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) element.setAttribute(name, say(element.getAttribute(name)));
  }
}

function save(file, name) {
  const link = make("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

