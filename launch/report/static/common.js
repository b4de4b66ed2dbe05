"use strict";
// What both pages share. Everything that came from a dataset is put into the page as text, never as HTML.

const labelyard = (() => {
  const data = new Map();
  const waiting = new Map();

  // The data files call this: file:// lets a page run scripts beside it, but not fetch them.
  function put(name, text) {
    data.set(name, JSON.parse(text));
    for (const resolve of waiting.get(name) || []) resolve(data.get(name));
    waiting.delete(name);
  }

  function load(name, location) {
    if (data.has(name)) return Promise.resolve(data.get(name));
    return new Promise((resolve, reject) => {
      const first = !waiting.has(name);
      waiting.set(name, [...(waiting.get(name) || []), resolve]);
      if (!first) return;
      const script = document.createElement("script");
      script.src = location;
      script.onload = () => script.remove();
      script.onerror = () => { waiting.delete(name); script.remove(); reject(new Error(location + " can't be read")); };
      document.head.append(script);
    });
  }

  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }
  const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  const $ = (selector) => document.querySelector(selector);

  // A file:// page may be denied storage; the wish for light or dark is then forgotten, and nothing else.
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { return; } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  function theme() {
    const saved = recall("labelyard-theme");
    if (saved) document.documentElement.dataset.theme = saved;
    const button = $("#theme");
    button.addEventListener("click", () => {
      const dark = getComputedStyle(document.documentElement).colorScheme.trim() === "dark";
      document.documentElement.dataset.theme = dark ? "light" : "dark";
      remember("labelyard-theme", document.documentElement.dataset.theme);
    });
  }

  const typing = (event) =>
    event.target.matches("input:not([type=checkbox]):not([type=range]), select, textarea") ||
    event.ctrlKey || event.metaKey || event.altKey;

  const later = (action, wait = 120) => {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(action, wait); };
  };

  document.addEventListener("DOMContentLoaded", theme);
  return { put, load, data, el, svg, $, typing, later, remember, recall };
})();
