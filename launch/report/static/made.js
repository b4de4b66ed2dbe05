"use strict";
// Below a record: what each stage of a chain has made of it, and pairs of images with an instruction.

const made = (() => {
  const { el } = labelyard;

  const swatch = (colour) => { const dot = el("i", { class: "swatch" }); dot.style.background = colour; return dot; };
  const chips = (children) => el("div", { class: "chips" }, ...children);
  const flat = (value) => value && typeof value === "object" && !Array.isArray(value) && Object.values(value).every((one) => typeof one !== "object");
  const finding = (name, value) => flat(value)
    ? el("dl", {}, ...Object.entries(value).filter(([, one]) => one !== "").flatMap(([key, one]) => [el("dt", {}, key), el("dd", {}, String(one))]))
    : fold(name, value);
  const fold = (name, value) => el("details", {}, el("summary", {}, name), el("pre", { class: "json" }, JSON.stringify(value, null, 2)));

  // Of the fields that a step has written, what the record has of them. `look` knows colours, files, and how to show them.
  const kinds = {
    tags: (name, { detail }) => detail.tags.length ? [chips(detail.tags.map((tag) =>
      el("span", { class: "chip tag" }, el("span", {}, tag.name), el("small", {}, tag.score.toFixed(2)))))] : [],
    instances: (name, look) => look.found.length ? ({
      "": () => [look.first("instances") ? look.boxes() : "", chips(look.found.map((anno, number) =>
        el("span", { class: "chip" }, swatch(look.colour(number)), el("span", {}, anno.category_name), el("small", {}, anno.pred_score.toFixed(2)))))],
      mask: () => [look.masks()],
      caption: () => said(look, (anno) => anno.caption),
      label_embedding: () => vectors(look, "label", "text_embedding_before"),
      caption_embedding: () => vectors(look, "caption", "blip_clip_embeddings"),
    }[name] || (() => said(look, (anno) => worded(anno[name]))))() : [],
    texts: (name, look) => named(look.detail.texts, name).map(([, text]) => look.text(text)),
    images: (name, look) => named(look.sides, name).map(([title, file]) => look.image(title, file)),
    clips: (name, look) => named(look.detail.clips, name).map(([title]) => el("small", {}, `▶ ${title}`)),
    found: (name, look) => named(look.detail.found, name).map(([title, value]) => finding(title, value)),
    aside: (name, look) => named(look.detail.aside, name).map(([title, value]) =>
      el("small", {}, Object.entries(value).map(([kind, all]) => `${Object.keys(all).length} ${kind}`).join(", "), " aside")),
    caption: (name, look) => look.detail.caption ? [el("p", { class: "text" }, look.detail.caption)] : [],
  };

  const named = (values, name) => Object.entries(values || {}).filter(([key]) => !name || key === name);
  const worded = (value) => Array.isArray(value) ? value.join(", ") : value === undefined || value === null ? "" : String(value);

  function said(look, of) {
    const rows = look.found.map((anno, number) => [of(anno), number]).filter(([words]) => words);
    return rows.length ? [el("ul", { class: "said" }, ...rows.map(([words, number]) => el("li", {}, swatch(look.colour(number)), el("span", {}, words))))] : [];
  }

  function vectors(look, what, key) {
    const count = look.found.filter((anno) => anno[key]).length;
    return count ? [el("p", {}, `${count} ${what} ${count === 1 ? "embedding" : "embeddings"}`)] : [];
  }

  function step(name, fields, look) {
    const model = look.detail.models[name];
    if (!model) return null;
    const shown = fields.flatMap((field) => {
      const dot = field.indexOf(".");
      const kind = kinds[dot < 0 ? field : field.slice(0, dot)];
      return kind ? kind(dot < 0 ? "" : field.slice(dot + 1), look) : [];
    });
    const none = model.left_out ? `nothing: ${model.left_out}` : "nothing";
    return el("div", { class: shown.length ? "tile" : "tile none" }, el("header", {}, el("b", {}, name), " ", el("small", {}, model.name || "")),
      ...(shown.length ? shown.filter(Boolean) : [el("small", {}, none)]));
  }

  function stages(all, look) {
    if (all.length < 2) return [];
    const met = new Set();
    look.first = (field) => !met.has(field) && Boolean(met.add(field)); // who finds them anew shows them as chips
    return all.map(([name, steps]) => [name, steps.map(([title, fields]) => step(title, fields, look)).filter(Boolean)])
      .filter(([, tiles]) => tiles.length)
      .map(([name, tiles]) => el("section", { class: "stage" }, el("h3", {}, el("span", {}, name)), el("div", { class: "tiles" }, ...tiles)));
  }

  function pairs(all, before, image) {
    if (!all.length) return [];
    return [el("section", { class: "stage" }, el("h3", {}, el("span", {}, "pairs"), el("small", {}, "as export instructcv draws them")),
      el("div", { class: "tiles" }, ...all.map(([task, instruction, file]) => el("div", { class: "tile pair" },
        el("header", {}, el("b", {}, task)), el("p", {}, instruction), el("div", {}, image(before), el("span", { "aria-hidden": "true" }, "→"), image(file))))))];
  }

  return { stages, pairs };
})();
