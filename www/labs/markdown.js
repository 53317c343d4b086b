// @ts-check
/** A small part of Markdown as elements: paragraphs, `code`, **strong** and *emphasised* words, lists, fenced code. No HTML passes through. */

/** @param {string} text @returns {(Node | string)[]} */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*]+\*)/).filter(Boolean).map((part) => {
    const [tag, cut] = part.startsWith('`') ? ['code', 1] : part.startsWith('**') ? ['strong', 2] : /^\*[^*]/.test(part) ? ['em', 1] : ['', 0];
    if (!tag || part.length <= 2 * cut) return part;
    const made = document.createElement(tag);
    made.textContent = part.slice(cut, -cut);
    return made;
  });
}

/** @param {string} text one paragraph, list or fenced code */
export function markdown(text) {
  const fence = /^```\w*\n([\s\S]*?)\n?```$/.exec(text.trim());
  if (fence) {
    const pre = document.createElement('pre');
    pre.textContent = fence[1] ?? '';
    return pre;
  }
  const lines = text.split('\n');
  if (lines.every((line) => line.startsWith('- '))) {
    const list = document.createElement('ul');
    for (const line of lines) {
      const item = document.createElement('li');
      item.append(...inline(line.slice(2)));
      list.append(item);
    }
    return list;
  }
  const p = document.createElement('p');
  p.append(...inline(text));
  return p;
}
