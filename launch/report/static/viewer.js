"use strict";
// One record large: every instance to be switched on and off, side images, and the JSON.

const viewer = (() => {
  const { el, svg, $, typing, load } = labelyard;
  let record = null, found = [], on = [], lit = [], kept = {};
  const over = new Set(); // of the asides, those whose boxes and masks are shown, from record to record

  const colour = (number) => gallery.colour(record, number);

  async function open(card) {
    record = card;
    found = []; on = []; lit = []; kept = {};
    const dialog = $("#record");
    $("#title").textContent = card.caption || (card.texts ? "" : "(no caption)");
    $("#where").textContent = card.file;
    for (const selector of ["#instances", "#tags", "#sides", "#texts", "#asides", "#findings", "#made"]) $(selector).replaceChildren();
    $("#json").textContent = "";
    sides();
    $("#photo").width = card.size[0];
    $("#photo").height = card.size[1];
    const [width, height] = card.size;
    $("#stage").style.setProperty("--ratio", width / height);
    $("#overlay").replaceChildren();
    masks.draw($("#canvas"), 1, 1, []);
    place();
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    let detail = null;
    try {
      detail = await load(card.id, `${gallery.base()}detail/${card.id}.js`);
    } catch (error) {
      $("#json").textContent = String(error.message);
      return;
    }
    if (record !== card) return;
    found = detail.annos.filter((anno) => !anno.pad);
    on = found.map(() => true);
    list();
    facts(detail);
    beside(Object.fromEntries(card.own.map((key) => [key, detail[key]])));
    below(detail);
    draw();
  }

  function place() {
    const shown = gallery.neighbours();
    const at = shown.indexOf(record);
    $("#place").textContent = at < 0 ? "" : `${at + 1} / ${shown.length}`;
    $("#before").disabled = at <= 0;
    $("#after").disabled = at < 0 || at >= shown.length - 1;
  }

  function list() {
    $("#instances").replaceChildren(...found.map((anno, number) => {
      const box = el("input", { type: "checkbox", checked: true, "data-number": number,
        onchange: (event) => { on[number] = event.target.checked; draw(); } });
      const swatch = el("i", { class: "swatch" });
      swatch.style.background = colour(number);
      const pixels = record.size[0] * record.size[1];
      const mask = anno.mask ? `, mask ${(100 * anno.mask_area / pixels).toFixed(1)} %` : ", no mask";
      return el("li", {
        onmouseenter: () => light([number]),
        onmouseleave: () => light([]),
      }, el("label", {}, box, swatch,
        el("span", { class: "what" },
          el("b", {}, anno.category_name), " ", el("small", {}, anno.pred_score.toFixed(3)),
          ...agreement.chips(anno),
          anno.caption ? el("span", { class: "said" }, anno.caption) : null,
          el("small", { class: "sizes" }, `${anno.bbox[2]} × ${anno.bbox[3]} at ${anno.bbox[0]}, ${anno.bbox[1]}${mask}`))));
    }));
    $("#many").textContent = found.length === 1 ? "1 instance" : `${found.length} instances`;
  }

  function facts(detail) {
    $("#tags").replaceChildren(...record.tags.map(([name, score]) =>
      el("span", { class: "chip tag", title: name }, el("span", {}, name), el("small", {}, score.toFixed(2)))));
    $("#json").textContent = JSON.stringify(detail, null, 2);
    $("#file").href = record.path;
  }

  // The image itself, those beside it, and clips, whose first frames stand for them until they are clicked.
  function sides() {
    const own = record.full ? [{ name: "image", file: record.full, thumb: record.thumb }] : [];
    const shown = [...own, ...(record.sides || []).map(([name, file]) => ({ name, file, thumb: file })),
      ...(record.clips || []).map(([name, file, place]) => ({ name, file, thumb: file, clip: true, place }))];
    stop();
    $("#sides").hidden = shown.length < 2 && !record.clips;
    $("#sides").replaceChildren(...shown.map((one, number) => el("button", {
      type: "button", class: "side", title: one.name, "aria-pressed": String(number === 0),
      onclick: (event) => {
        choose(one);
        for (const other of $("#sides").children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
        event.currentTarget.scrollIntoView({ block: "nearest", inline: "nearest" });
      },
    }, one.thumb ? el("img", { src: gallery.base() + one.thumb, alt: "", loading: "lazy" }) : el("i", { class: "nothing" }),
    el("span", {}, one.clip ? `▶ ${one.name}` : one.name))));
    show(shown[0] || {});
  }

  function show(one) {
    if (one.file) $("#photo").src = gallery.base() + one.file;
    else $("#photo").removeAttribute("src");
  }

  function stop() {
    const clip = $("#clip");
    clip.hidden = true;
    clip.pause();
    clip.removeAttribute("src");
    clip.load();
    $("#trouble").hidden = true;
  }

  function choose(one) {
    stop();
    show(one);
    if (!one.clip) return;
    if (!one.place) { unplayable(one.name); return; }
    if (/\.(gif|webp|apng|png)$/i.test(one.place)) { $("#photo").src = one.place; return; }
    const clip = $("#clip");
    clip.dataset.name = one.name;
    clip.hidden = false;
    clip.src = one.place;
    clip.play().catch(() => {}); // what is wrong with the clip itself comes as its event
  }

  function unplayable(name) {
    $("#clip").hidden = true;
    $("#trouble").textContent = `${name}: this browser can't play it from where it lies. Its first frame is shown, if it could be read.`;
    $("#trouble").hidden = false;
  }

  function turn(by) {
    const buttons = [...$("#sides").children];
    const at = buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
    if (buttons[at + by]) buttons[at + by].click();
  }

  function light(numbers) {
    lit = numbers;
    if (record) draw(); // the mouse may leave what is closed already
  }

  // Which of the instances have these numbers.
  function there(ids) {
    const places = new Map(found.map((anno, number) => [anno.id, number]));
    return ids.filter((id) => places.has(id)).map((id) => places.get(id));
  }
  const tint = (id) => there([id]).map(colour)[0] || null;

  // Texts, findings and asides, where the record has them.
  function beside(shown) {
    kept = shown.aside || {};
    $("#texts").replaceChildren(...texts.list(shown.texts || {}, tint, (ids) => light(there(ids))));
    $("#asides").replaceChildren(...asides.list(kept, over, draw));
    $("#findings").replaceChildren(...asides.findings(shown.found || {}));
  }

  // What each stage has made of it, and pairs: below, over the whole width.
  function below(detail) {
    const own = (key) => (record.own.includes(key) ? detail[key] : {});
    const image = (file) => el("img", { src: gallery.base() + file, alt: "", loading: "lazy" });
    const layers = (...more) => el("div", { class: "picture" }, ...more);
    const ratio = (element) => { element.style.setProperty("--ratio", record.size[0] / record.size[1]); return element; };
    $("#made").replaceChildren(
      ...made.stages(gallery.stages(), {
        detail: { ...detail, texts: own("texts"), found: own("found"), aside: own("aside") },
        found, colour, sides: Object.fromEntries(record.sides || []),
        boxes: () => record.thumb ? ratio(layers(image(record.thumb), gallery.boxes(record))) : "",
        masks: () => record.thumb && record.masks ? ratio(layers(image(record.thumb), image(record.masks))) : "",
        text: (text) => texts.marked(text, tint, (ids) => light(there(ids))),
        image: (name, file) => el("button", { type: "button", class: "shows", title: `${name}: see it large`, onclick: () => larger(name) }, image(file)),
      }),
      ...made.pairs(record.pairs || [], record.thumb, image));
  }

  function larger(name) {
    [...$("#sides").children].find((button) => button.title === name).click();
    $("#record").scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  function draw() {
    const [width, height] = record.size;
    const order = found.map((_, number) => number)
      .filter((number) => on[number] && found[number].mask)
      .sort((a, b) => found[b].mask_area - found[a].mask_area);
    const shown = Object.entries(kept).filter(([name]) => over.has(name)).map(([, aside]) => aside);
    masks.draw($("#canvas"), width, height, [...order.map((number) => ({
      counts: found[number].mask.counts,
      colour: colour(number),
      alpha: !lit.length ? 115 : lit.includes(number) ? 170 : 30,
    })), ...shown.flatMap((aside) => asides.layers(aside, colour))]);
    const overlay = $("#overlay");
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const size = Math.max(width, height) / 48;
    overlay.replaceChildren(...found.map((anno, number) => {
      if (!on[number]) return "";
      const [x, y, w, h] = anno.bbox;
      const words = `${anno.category_name} ${anno.pred_score.toFixed(2)}`;
      const top = y > size * 1.4 ? y : y + size * 1.4;
      const group = svg("g", { class: "named", opacity: !lit.length || lit.includes(number) ? 1 : 0.25 },
        svg("rect", { class: "box", x, y, width: w, height: h, stroke: colour(number) }),
        svg("rect", { class: "under", x, y: top - size * 1.4, height: size * 1.4, fill: colour(number) }),
        svg("text", { x, y: top - size * 0.38, "font-size": size }, words));
      return group;
    }).filter(Boolean));
    for (const group of overlay.querySelectorAll(".named")) fit(group, width, size);
    for (const aside of shown) overlay.append(...asides.boxes(aside, record.size, record.original, size, colour));
  }

  // A name is as wide as its letters, and stays within the image: moved to the left, or made smaller, if it must be.
  function fit(group, width, size) {
    const under = group.querySelector(".under");
    const text = group.querySelector("text");
    const words = text.getComputedTextLength() || text.textContent.length * size * 0.62;
    const scale = Math.min(1, width / (words + size * 0.7));
    const wide = (words + size * 0.7) * scale;
    const left = Math.max(0, Math.min(Number(under.getAttribute("x")), width - wide));
    under.setAttribute("x", left);
    under.setAttribute("width", wide);
    text.setAttribute("x", left + size * 0.35 * scale);
    text.setAttribute("font-size", size * scale);
  }

  function set(number, value) {
    on[number] = value;
    const box = $(`#instances input[data-number="${number}"]`);
    if (box) box.checked = value;
  }

  function all(value) {
    found.forEach((_, number) => set(number, value));
    draw();
  }

  function go(by) {
    const shown = gallery.neighbours();
    const next = shown[shown.indexOf(record) + by];
    if (next) location.replace("#" + next.id);
  }

  function leave() {
    const card = record && document.querySelector(`.card[href="#${record.id}"]`);
    history.replaceState(null, "", location.pathname + location.search);
    close();
    if (card) { card.scrollIntoView({ block: "nearest" }); card.focus({ preventScroll: true }); }
  }

  function close() {
    record = null;
    stop();
    if ($("#record").open) $("#record").close();
  }

  function keys(event) {
    if (!record || typing(event)) return;
    const digit = Number(event.key);
    if (event.key === "ArrowLeft" || event.key === "k") go(-1);
    else if (event.key === "ArrowRight" || event.key === "j") go(1);
    else if (event.key === "a") all(!on.every(Boolean));
    else if (event.key === "[" || event.key === "]") turn(event.key === "[" ? -1 : 1);
    else if (digit >= 1 && digit <= found.length) { set(digit - 1, !on[digit - 1]); draw(); }
    else return;
    event.preventDefault();
  }

  document.addEventListener("DOMContentLoaded", () => {
    $("#before").addEventListener("click", () => go(-1));
    $("#after").addEventListener("click", () => go(1));
    $("#leave").addEventListener("click", leave);
    $("#clip").addEventListener("error", () => { if (!$("#clip").hidden) unplayable($("#clip").dataset.name); });
    $("#every").addEventListener("click", () => all(true));
    $("#nothing").addEventListener("click", () => all(false));
    $("#record").addEventListener("cancel", (event) => { event.preventDefault(); leave(); });
    $("#record").addEventListener("click", (event) => { if (event.target === $("#record")) leave(); });
    document.addEventListener("keydown", keys);
  });
  return { open, close };
})();
