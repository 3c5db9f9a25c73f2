// Adds copy buttons, searches while one types and keeps the servers' states current; the page is complete without it.
(() => {
  const slowMs = 30_000;
  const fastMs = 4_000;
  const list = document.getElementById('servers');
  const announcement = document.getElementById('announcement');
  const search = document.getElementById('search');

  /** In a page without a secure origin, such as http://host, only a selection can be copied. */
  const copySelected = (code) => {
    getSelection().selectAllChildren(code);
    return document.execCommand('copy');
  };
  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      return copySelected(code);
    }
  };
  const addCopyButtons = (within) => {
    for (const code of within.querySelectorAll('.copyable > code')) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = 'Copy';
      button.addEventListener('click', async () => {
        const said = (await copy(code)) ? 'Copied' : 'Press Ctrl+C or ⌘C';
        button.textContent = said;
        announcement.textContent = said;
        setTimeout(() => {
          button.textContent = 'Copy';
        }, 3_000);
      });
      code.after(button);
    }
  };

  const textOf = (node, selector) =>
    [...node.querySelectorAll(selector)].map(({ textContent }) => textContent.toLowerCase()).join('\n');
  // As `search.ts` does for the page without script.
  const filter = (card, words) => {
    const own = textOf(card, '.name, .title, .about');
    const ofTools = words.filter((word) => !own.includes(word));
    const tools = [...card.querySelectorAll('.more > .tools > li')].map((row) => [row, row.textContent.toLowerCase()]);
    const isFound = ofTools.every((word) => tools.some(([, text]) => text.includes(word)));
    const hasWhole = tools.some(([, text]) => ofTools.every((word) => text.includes(word)));
    const isShown = (text) =>
      hasWhole ? ofTools.every((word) => text.includes(word)) : ofTools.some((word) => text.includes(word));
    for (const [row, text] of tools) row.hidden = !isShown(text);
    card.hidden = !isFound;
    const details = card.querySelector('details.more');
    if (isFound && ofTools.length > 0) details.open = true;
    else if (search.value === '') details.open = false;
    return isFound;
  };
  const filterAll = () => {
    const words = search.value
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const cards = cardsOf(list);
    const found = cards.filter((card) => filter(card, words)).length;
    const noun = cards.length === 1 ? 'server' : 'servers';
    document.getElementById('found').textContent = words.length > 0 ? `${found} of ${cards.length} ${noun} found` : '';
  };

  const stateOf = (card) => card.querySelector('.state').textContent;
  const serverOf = (card) => card.dataset.server;
  const cardsOf = (node) => [...node.querySelectorAll('[data-server]')];
  /** A card apart from what a search does to it. */
  const contentOf = (card) => {
    const copied = card.cloneNode(true);
    for (const node of [copied, ...copied.querySelectorAll('[hidden], [open]')]) {
      node.removeAttribute('hidden');
      node.removeAttribute('open');
    }
    return copied.outerHTML;
  };
  // As they came from the service, before buttons were added.
  const served = new Map(cardsOf(list).map((card) => [serverOf(card), contentOf(card)]));

  const replaceCard = (old, fresh) => {
    if (served.get(serverOf(fresh)) === contentOf(fresh)) return;
    served.set(serverOf(fresh), contentOf(fresh));
    if (stateOf(old) !== stateOf(fresh)) announcement.textContent = `${serverOf(fresh)} is ${stateOf(fresh)}`;
    const opened = [...old.querySelectorAll('details[open]')].map((details) => details.className);
    for (const name of opened) fresh.querySelector(`details.${name}`)?.setAttribute('open', '');
    const adopted = document.adoptNode(fresh);
    adopted.hidden = old.hidden;
    old.replaceWith(adopted);
    addCopyButtons(adopted);
  };

  const replaceAll = (fresh) => {
    list.replaceChildren(...fresh.map((card) => document.adoptNode(card)));
    for (const card of fresh) served.set(serverOf(card), contentOf(card));
    addCopyButtons(list);
  };

  const replacePart = (page, id) => {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old !== null && fresh !== null) old.replaceWith(document.adoptNode(fresh));
  };

  const refresh = async () => {
    const response = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    for (const id of ['summary', 'reload']) replacePart(page, id);
    const cards = new Map(cardsOf(list).map((card) => [serverOf(card), card]));
    const fresh = cardsOf(page);
    if (fresh.length !== cards.size || fresh.some((card) => !cards.has(serverOf(card)))) replaceAll(fresh);
    for (const card of fresh) {
      const old = cards.get(serverOf(card));
      // Not while the focus is in it.
      if (old?.isConnected && !old.contains(document.activeElement)) replaceCard(old, card);
    }
    if (search !== null && search.value !== '') filterAll();
  };

  const schedule = () => {
    const isSettled = cardsOf(list).every((card) => card.querySelector('.state-ready, .state-personal'));
    setTimeout(
      async () => {
        if (document.visibilityState === 'visible') await refresh().catch(() => undefined);
        schedule();
      },
      isSettled ? slowMs : fastMs,
    );
  };

  /** The address says what is searched, so that it can be sent to somebody. */
  const rememberSearch = () => {
    const url = new URL(location.href);
    if (search.value.trim() === '') url.searchParams.delete('q');
    else url.searchParams.set('q', search.value);
    history.replaceState(null, '', url);
  };
  search?.addEventListener('input', () => {
    filterAll();
    rememberSearch();
  });
  // Nothing is sent: pages that show what servers say may not send forms.
  search?.closest('[hidden]').removeAttribute('hidden');

  addCopyButtons(document);
  // The browser may have kept what was typed before a reload.
  if (search !== null && search.value !== '') filterAll();
  schedule();
})();
