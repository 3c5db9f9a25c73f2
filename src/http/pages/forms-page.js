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

  // A frame or a tab without an origin of its own cannot send the forms.
  if (self.origin === 'null') {
    for (const note of document.querySelectorAll('[data-sandboxed]')) note.hidden = false;
  }

  const conceal = (button) => {
    document.getElementById(button.dataset.reveals).type = 'password';
    button.setAttribute('aria-pressed', 'false');
  };
  const revealing = [...document.querySelectorAll('[data-reveals]')];
  for (const button of revealing) {
    button.hidden = false;
    button.addEventListener('click', () => {
      if (button.getAttribute('aria-pressed') === 'true') return conceal(button);
      document.getElementById(button.dataset.reveals).type = 'text';
      button.setAttribute('aria-pressed', 'true');
    });
  }

  let busy;
  document.addEventListener('submit', (event) => {
    // Browsers offer what was typed into a text field again, and not what was typed into a password field.
    for (const button of revealing) conceal(button);
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
