// Keeps the parts of the admin's page current that change by themselves; without it, reloading the page does.
(() => {
  const POLL_MS = 3_000;
  const SLOW_POLL_MS = 20_000;
  const { liveUrl } = document.querySelector('main').dataset;
  const problem = document.getElementById('live-problem');
  const announcement = document.getElementById('announcement');
  const liveParts = (root) =>
    new Map([...root.querySelectorAll('[data-live]')].map((part) => [part.dataset.live, part]));
  /** What the service sent of each part, since the page shows times in another way. */
  const known = new Map([...liveParts(document)].map(([name, part]) => [name, part.outerHTML]));
  let tag;
  let listNote = '';

  function say(text) {
    if (problem.textContent !== text) problem.textContent = text;
    problem.hidden = text === '';
  }

  /** Something was typed or chosen in it, or is marked to be copied. */
  function isInUse(part) {
    const selection = getSelection();
    if (!selection.isCollapsed && selection.containsNode(part, true)) return true;
    const active = document.activeElement;
    if (part.contains(active) && active.matches('input, select, textarea')) return true;
    const isTyped = (one) => one.value !== one.defaultValue || one.checked !== one.defaultChecked;
    const isChosen = ({ options, selectedIndex }) =>
      selectedIndex !==
      Math.max(
        0,
        [...options].findIndex((option) => option.defaultSelected),
      );
    return (
      [...part.querySelectorAll('input, textarea')].some(isTyped) || [...part.querySelectorAll('select')].some(isChosen)
    );
  }

  const isAtEnd = (pre) => pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 4;
  const focusable = (part) => [...part.querySelectorAll('a, button, summary, [tabindex]')];

  function replace(part, fresh) {
    const open = [...part.querySelectorAll('details')].map((details) => details.open);
    const tops = [...part.querySelectorAll('pre')].map((pre) =>
      isAtEnd(pre) ? Number.MAX_SAFE_INTEGER : pre.scrollTop,
    );
    const focused = focusable(part).indexOf(document.activeElement);
    const text = document.activeElement.textContent;
    part.replaceWith(fresh);
    for (const [index, details] of [...fresh.querySelectorAll('details')].entries())
      details.open = open[index] ?? false;
    for (const [index, pre] of [...fresh.querySelectorAll('pre')].entries()) pre.scrollTop = tops[index] ?? 0;
    fresh.dispatchEvent(new CustomEvent('refreshed', { bubbles: true }));
    const candidates = focusable(fresh);
    const next = candidates[focused];
    if (focused >= 0) (next ?? candidates.find((one) => one.textContent === text))?.focus({ preventScroll: true });
  }

  /** Returns whether all of it is shown: what is in use is left alone. */
  function show(html) {
    let isWhole = true;
    const fresh = liveParts(new DOMParser().parseFromString(html, 'text/html'));
    const current = liveParts(document);
    let hasOthers = [...current.keys()].some((name) => !fresh.has(name));
    for (const [name, part] of fresh) {
      const before = current.get(name);
      if (before === undefined) {
        hasOthers = true;
        continue;
      }
      const sent = part.outerHTML;
      if (sent === known.get(name)) continue;
      if (isInUse(before)) {
        isWhole = false;
        continue;
      }
      const { server } = part.dataset;
      if (server !== undefined && part.textContent !== before.textContent) {
        announcement.textContent = `${server}: ${part.textContent}`;
      }
      known.set(name, sent);
      replace(before, document.adoptNode(part));
    }
    listNote = hasOthers ? 'Servers were added or removed. Reload the page to see them.' : '';
    return isWhole;
  }

  /** Resolves to the time until the next look; `undefined`: there is no use in another. */
  async function look() {
    if (document.hidden) return POLL_MS;
    let response;
    try {
      response = await fetch(liveUrl, { cache: 'no-store', headers: tag ? { 'If-None-Match': tag } : {} });
      if (response.ok) tag = show(await response.text()) ? response.headers.get('ETag') : undefined;
    } catch {
      say('The service cannot be reached, so this page may be out of date.');
      return SLOW_POLL_MS;
    }
    switch (response.status) {
      case 200:
      case 304:
        say(listNote);
        return POLL_MS;
      case 401:
        say('You are no longer logged in, so this page is out of date. Reload it to log in again.');
        return undefined;
      case 403:
        say('You are no longer an admin, so this page is out of date.');
        return undefined;
      default:
        say(`The service answered with an error (HTTP ${response.status}), so this page may be out of date.`);
        return SLOW_POLL_MS;
    }
  }

  // The last lines are what matters of a log.
  document.addEventListener(
    'toggle',
    ({ target }) => {
      const log = target.open ? target.querySelector('pre.log') : null;
      if (log !== null) log.scrollTop = log.scrollHeight;
    },
    true,
  );

  async function follow() {
    const ms = await look();
    if (ms !== undefined) setTimeout(follow, ms);
  }
  setTimeout(follow, POLL_MS);
})();
