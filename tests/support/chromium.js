// What is wrong with the page that is shown: each list should be empty.
() => {
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Every text against what stands behind it, by WCAG's level AA.
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const { rgb, a } = parse(getComputedStyle(element).backgroundColor);
      if (a === 1) return rgb;
    }
    return [255, 255, 255];
  };
  const pale = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!text || !element.getBoundingClientRect().width || style.visibility === "hidden") continue;
    if (element.closest(":disabled, option, script, .skip")) continue;
    const [one, other] = [light(parse(style.color).rgb), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) pale.add(`${ratio.toFixed(2)} ${element.className}: ${text.slice(0, 40)}`);
  }

  const unnamed = all("input:not([type=hidden]), select, button").filter(
    (field) => !(field.labels && field.labels.length) && !field.textContent.trim()
      && !field.getAttribute("aria-label") && field.getAttribute("aria-hidden") !== "true");
  const wrapped = all(".money, .number, time").filter((element) => {
    const lines = element.getBoundingClientRect().height / parseFloat(getComputedStyle(element).lineHeight);
    return element.getClientRects().length > 1 || lines > 1.6; // what a flex box holds has one rectangle, however tall
  });
  const wide = document.documentElement.scrollWidth;
  return {
    "scrolls sideways": wide > window.innerWidth ? [`${wide} of ${window.innerWidth}`] : [],
    "numbers that wrap": wrapped.map((element) => element.textContent),
    "text of too little contrast": [...pale],
    "fields without a name": unnamed.map((element) => element.outerHTML),
  };
}
