"use strict";
// COCO's run-length codes, drawn on a canvas.

const masks = (() => {
  // Lengths of runs that are off, on, off, …, down one column after another.
  function runs(counts) {
    const found = [];
    let at = 0;
    while (at < counts.length) {
      let value = 0, shift = 0, code = 0;
      do {
        code = counts.charCodeAt(at) - 48;
        value += (code & 31) * 2 ** shift;
        shift += 5;
        at += 1;
      } while (code & 32);
      if (code & 16) value -= 2 ** shift;
      if (found.length > 2) value += found[found.length - 2];
      found.push(value);
    }
    return found;
  }

  const area = (counts) => runs(counts).reduce((sum, length, at) => sum + (at % 2 ? length : 0), 0);

  const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

  // layers: [{counts, colour, alpha}], the later over the earlier.
  function draw(canvas, width, height, layers) {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = image.data;
    for (const layer of layers) {
      const [red, green, blue] = rgb(layer.colour);
      let position = 0, on = false;
      for (const length of runs(layer.counts)) {
        if (on) {
          for (let n = position; n < position + length; n += 1) {
            const place = 4 * ((n % height) * width + Math.floor(n / height));
            pixels[place] = red;
            pixels[place + 1] = green;
            pixels[place + 2] = blue;
            pixels[place + 3] = layer.alpha;
          }
        }
        position += length;
        on = !on;
      }
    }
    context.putImageData(image, 0, 0);
  }

  return { runs, area, draw };
})();
