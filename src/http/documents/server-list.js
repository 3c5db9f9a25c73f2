// Adds copy buttons and keeps the servers' states current; the page is complete without it.
(() => {
  const slowMs = 30_000;
  const fastMs = 4_000;
  const list = document.getElementById('servers');
  const announcement = document.getElementById('announcement');

  const addCopyButtons = (within) => {
    // Only pages of a secure origin may write to the clipboard.
    if (!navigator.clipboard) return;
    for (const code of within.querySelectorAll('.copyable > code')) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = 'Copy';
      button.addEventListener('click', async () => {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = 'Copied';
        announcement.textContent = 'Copied';
        setTimeout(() => {
          button.textContent = 'Copy';
        }, 2_000);
      });
      code.after(button);
    }
  };

  const stateOf = (card) => card.querySelector('.state').textContent;
  const serverOf = (card) => card.dataset.server;
  const cardsOf = (node) => [...node.querySelectorAll('[data-server]')];
  // As they came from the service, before buttons were added.
  const served = new Map(cardsOf(list).map((card) => [serverOf(card), card.outerHTML]));

  const replaceCard = (old, fresh) => {
    if (served.get(serverOf(fresh)) === fresh.outerHTML) return;
    served.set(serverOf(fresh), fresh.outerHTML);
    if (stateOf(old) !== stateOf(fresh)) announcement.textContent = `${serverOf(fresh)} is ${stateOf(fresh)}`;
    const opened = [...old.querySelectorAll('details[open]')].map((details) => details.className);
    for (const name of opened) fresh.querySelector(`details.${name}`)?.setAttribute('open', '');
    const adopted = document.adoptNode(fresh);
    old.replaceWith(adopted);
    addCopyButtons(adopted);
  };

  const refresh = async () => {
    const response = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    document.getElementById('summary').textContent = page.getElementById('summary').textContent;
    document.getElementById('reload').replaceWith(document.adoptNode(page.getElementById('reload')));
    const cards = new Map(cardsOf(list).map((card) => [serverOf(card), card]));
    const fresh = cardsOf(page);
    if (fresh.length !== cards.size || fresh.some((card) => !cards.has(serverOf(card)))) {
      location.reload();
      return;
    }
    for (const card of fresh) {
      const old = cards.get(serverOf(card));
      // Not while the focus is in it.
      if (!old.contains(document.activeElement)) replaceCard(old, card);
    }
  };

  const schedule = () => {
    const isSettled = cardsOf(list).every((card) => stateOf(card) === 'ready');
    setTimeout(
      async () => {
        if (document.visibilityState === 'visible') await refresh().catch(() => undefined);
        schedule();
      },
      isSettled ? slowMs : fastMs,
    );
  };

  addCopyButtons(document);
  schedule();
})();
