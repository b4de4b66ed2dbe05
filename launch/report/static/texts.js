"use strict";
// Texts, with their phrases in the colours of the instances that they speak of.

const texts = (() => {
  const { el } = labelyard;

  // The text cut where a phrase begins or ends: [[part, the phrases over it, the shortest first]]. Phrases count
  // characters; a string of JavaScript counts halves of some of them.
  function parts(text, phrases) {
    const all = Array.from(text);
    const within = (n) => Math.max(0, Math.min(all.length, n));
    const cuts = [0, all.length, ...phrases.flatMap(({ start, end }) => [within(start), within(end)])];
    const sorted = [...new Set(cuts)].sort((a, b) => a - b);
    const shortest = [...phrases].sort((a, b) => (a.end - a.start) - (b.end - b.start));
    return sorted.slice(1).map((end, n) => [
      all.slice(sorted[n], end).join(""),
      shortest.filter((phrase) => phrase.start <= sorted[n] && phrase.end >= end),
    ]);
  }

  // tint(anno) is null for one that is not there; light(annos) shows them among the others.
  function marked({ text, phrases }, tint, light) {
    return el("p", { class: "text" }, ...parts(text, phrases || []).map(([part, over]) => {
      if (!over.length) return part;
      const annos = over[0].annos;
      const colours = annos.map(tint).filter(Boolean);
      const mark = el("mark", { onmouseenter: () => light(annos), onmouseleave: () => light([]) }, part);
      mark.title = annos.map((anno) => `instance ${anno + 1}`).join(", ");
      if (colours.length) {
        const stripes = colours.map((one, n) => `${one} ${100 * n / colours.length}% ${100 * (n + 1) / colours.length}%`);
        mark.style.setProperty("--phrase", `linear-gradient(90deg, ${stripes.join(", ")})`);
      }
      return mark;
    }));
  }

  const facts = (text) => Object.entries(text).filter(([key]) => !["text", "phrases", "source"].includes(key));

  function list(found, tint, light) {
    return Object.entries(found).flatMap(([name, text]) => [
      el("h3", { class: "name" }, el("span", {}, name), el("small", {}, text.source || "")),
      marked(text, tint, light),
      facts(text).length ? el("small", {}, facts(text).map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(", ")) : null,
    ]).filter(Boolean);
  }

  return { list, marked };
})();
