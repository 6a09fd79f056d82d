// Measures the boxes of a page at one width, and returns what is wrong in sentences: text over other text or over a control, text
// that is cut, text outside of the window, and what scrolls though nobody could tell or reach it by keyboard.
async (width) => {
  while (innerWidth !== width) await new Promise(requestAnimationFrame);
  // A chart follows the width of its page in the next frame.
  for (let frames = document.querySelector("figure canvas") ? 2 : 0; frames; frames -= 1) await new Promise(requestAnimationFrame);

  const SLACK = 2; // pixels by which boxes may meet: glyphs need less than the box of their line
  const LAYERS = ".search kbd, .pill, dialog, .skip, .visually-hidden"; // lie over others, or outside, on purpose
  const CONTROLS = "button, input:not([type=hidden]), select, textarea, progress, meter, svg, .status, .badge, .button";
  const problems = new Set();
  const words = (element, text) => {
    const name = element.tagName.toLowerCase() + [...element.classList].map((one) => `.${one}`).join("");
    return `${name} “${(text ?? element.textContent ?? "").replace(/\s+/g, " ").trim().slice(0, 60)}”`;
  };

  const styles = new Map();
  const styleOf = (element) => {
    if (!styles.has(element)) styles.set(element, getComputedStyle(element));
    return styles.get(element);
  };
  const visible = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !element.closest(LAYERS);

  // The part of the window in which an element's content can be seen: what its ancestors cut off, or scroll, is not.
  const windows = new Map([[null, { left: -1e6, top: -1e6, right: 1e6, bottom: 1e6 }]]);
  const windowOf = (element) => {
    if (windows.has(element)) return windows.get(element);
    const outer = windowOf(element.parentElement);
    const { overflowX, overflowY } = styleOf(element);
    const box = element.getBoundingClientRect();
    const inner = element === document.documentElement || element === document.body ? outer : {
      left: overflowX === "visible" ? outer.left : Math.max(outer.left, box.left),
      right: overflowX === "visible" ? outer.right : Math.min(outer.right, box.right),
      top: overflowY === "visible" ? outer.top : Math.max(outer.top, box.top),
      bottom: overflowY === "visible" ? outer.bottom : Math.min(outer.bottom, box.bottom),
    };
    windows.set(element, inner);
    return inner;
  };
  const seen = (element, box) => {
    const within = windowOf(element);
    const part = {
      left: Math.max(box.left, within.left), right: Math.min(box.right, within.right),
      top: Math.max(box.top, within.top), bottom: Math.min(box.bottom, within.bottom),
    };
    return part.right - part.left > SLACK && part.bottom - part.top > SLACK ? part : null;
  };

  const boxes = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (texts.nextNode()) {
    const { currentNode: node } = texts;
    const element = node.parentElement;
    if (!node.data.trim() || !visible(element)) continue;
    range.selectNodeContents(node);
    let block = element;
    while (["inline", "contents"].includes(styleOf(block).display)) block = block.parentElement;
    const around = block.getBoundingClientRect();
    for (const line of range.getClientRects()) {
      const part = seen(element, line);
      if (!part) continue;
      boxes.push({ element, text: node.data, ...part });
      if (line.right > around.right + SLACK && styleOf(block).overflowX === "visible") {
        problems.add(`goes over the edge of its box: ${words(element, node.data)}`);
      }
    }
  }
  for (const element of document.querySelectorAll(CONTROLS)) {
    const part = visible(element) && seen(element.parentElement, element.getBoundingClientRect());
    if (part) boxes.push({ element, ...part });
  }

  const edge = document.documentElement.clientWidth;
  for (const box of boxes) {
    if (box.right > edge + 1 || box.left < -1) problems.add(`outside of the window: ${words(box.element, box.text)}`);
  }

  boxes.sort((one, other) => one.top - other.top);
  boxes.forEach((one, number) => {
    for (let at = number + 1; at < boxes.length && boxes[at].top < one.bottom - SLACK; at += 1) {
      const other = boxes[at];
      const over = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const below = Math.min(one.bottom, other.bottom) - other.top;
      if (over <= SLACK || below <= SLACK) continue;
      if (one.element.contains(other.element) && !(one.text && other.text)) continue;
      if (other.element.contains(one.element) && !(one.text && other.text)) continue;
      // A text that ends in an ellipsis has a box for the part in sight and one for all of it.
      if (one.element === other.element && styleOf(one.element).textOverflow === "ellipsis") continue;
      const pair = [words(one.element, one.text), words(other.element, other.text)].sort();
      problems.add(`overlap: ${pair.join(" and ")}`);
    }
  });

  const ruler = document.createElement("canvas").getContext("2d");
  for (const element of document.querySelectorAll("body, body *")) {
    const style = styleOf(element);
    const wider = element.scrollWidth > element.clientWidth + 1;
    const higher = element.scrollHeight > element.clientHeight + 1;
    const { overflowX, overflowY } = style;
    if (element.placeholder && !element.value && visible(element)) {
      ruler.font = style.font;
      const room = element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      if (ruler.measureText(element.placeholder).width > room && style.textOverflow !== "ellipsis") {
        problems.add(`cut: ${words(element, element.placeholder)}`);
      }
    }
    if ((!wider && !higher) || (overflowX === "visible" && overflowY === "visible") || !visible(element)) continue;
    if (!element.textContent.trim() || style.clipPath !== "none") continue; // a head for screen readers alone
    const told = element.closest("[title]") && style.textOverflow === "ellipsis";
    const cut = (wider && ["hidden", "clip"].includes(overflowX) && !told) || (higher && ["hidden", "clip"].includes(overflowY));
    if (cut) problems.add(`cut: ${words(element)}`);
    const scrolls = (wider && ["auto", "scroll"].includes(overflowX)) || (higher && ["auto", "scroll"].includes(overflowY));
    const label = element.ariaLabel || element.getAttribute("aria-labelledby") || element.labels?.length;
    if (scrolls && !(element.tabIndex >= 0 && label)) problems.add(`scrolls, without a name or the focus: ${words(element)}`);
  }
  for (const cell of document.querySelectorAll("table.stacks :is(tbody td, tbody th), .places a")) {
    if (cell.getClientRects().length && cell.getBoundingClientRect().right > innerWidth) {
      problems.add(`beyond the edge, though it could be in sight: ${words(cell)}`);
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) problems.add("the page scrolls sideways");
  return [...problems];
}
