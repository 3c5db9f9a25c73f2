// Shows times as the reader's clock has them and says that a form is on its way; the pages are complete without it.
(() => {
  const announcement = document.getElementById('announcement');
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  const exactFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  const showTimes = (root) => {
    for (const time of root.querySelectorAll('time[datetime]')) {
      time.title = time.textContent;
      time.textContent = ('exact' in time.dataset ? exactFormat : format).format(new Date(time.dateTime));
    }
  };
  showTimes(document);
  // Parts that another script has replaced.
  document.addEventListener('refreshed', (event) => showTimes(event.target));

  // The result of a form is shown once, and not again when the page is reloaded.
  const url = new URL(location.href);
  if (url.searchParams.has('done')) {
    for (const name of ['done', 'server', 'count']) url.searchParams.delete(name);
    history.replaceState(null, '', url);
  }

  let busy;
  document.addEventListener('submit', (event) => {
    const button = event.submitter;
    const text = button?.dataset.busy ?? event.target.dataset.busy;
    if (busy !== undefined) {
      event.preventDefault();
      return;
    }
    if (text === undefined || button === null) return;
    busy = { button, children: [...button.childNodes] };
    announcement.textContent = text;
    // Disabled only when the browser has read the form: a disabled button is not sent.
    setTimeout(() => {
      button.textContent = text;
      button.setAttribute('aria-disabled', 'true');
    });
  });

  // The browser may show the page again as it was left.
  addEventListener('pageshow', () => {
    if (busy === undefined) return;
    busy.button.replaceChildren(...busy.children);
    busy.button.removeAttribute('aria-disabled');
    announcement.textContent = '';
    busy = undefined;
  });
})();
