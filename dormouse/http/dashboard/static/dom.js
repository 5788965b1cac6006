// Building and updating the page. Texts become text nodes, never HTML: what other people wrote cannot become markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

// Make the content of an element equal to `children` with as few changes as possible: elements that stay keep focus,
// scroll position, text selection, and whether details are open. Children with a data-key are recognized by it.
export function update(element, ...children) {
  const focused = document.activeElement;
  reconcile(element, children.flat().filter(Boolean));
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function reconcile(parent, wanted) {
  const keyed = new Map([...parent.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let place = parent.firstChild;
  for (const fresh of wanted) {
    const key = keyOf(fresh);
    const known = key ? keyed.get(key) : place;
    if (known && alike(known, fresh) && keyOf(known) === key) {
      if (known === place) place = place.nextSibling;
      else parent.insertBefore(known, place);
      patch(known, fresh);
    } else {
      parent.insertBefore(typeof fresh === "string" ? document.createTextNode(fresh) : fresh, place);
    }
  }
  while (place) {
    const following = place.nextSibling;
    place.remove();
    place = following;
  }
}

function patch(known, fresh) {
  if (known.nodeType === Node.TEXT_NODE) {
    const text = typeof fresh === "string" ? fresh : fresh.data;
    if (known.data !== text) known.data = text;
    return;
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && known.getAttribute(name) !== value) known.setAttribute(name, value);
  }
  for (const { name } of [...known.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) known.removeAttribute(name);
  }
  if (!known.hasAttribute("data-own")) reconcile(known, [...fresh.childNodes]); // what has data-own is drawn by others
}

function alike(known, fresh) {
  return typeof fresh === "string" ? known.nodeType === Node.TEXT_NODE : known.nodeName === fresh.nodeName;
}

function keyOf(node) {
  return node.getAttribute?.("data-key") ?? null;
}
