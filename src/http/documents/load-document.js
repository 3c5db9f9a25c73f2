// Loads the document that the page names in `data-document-url` and hands it to the page's own script. What servers
// wrote in it is untrusted, and Swagger UI and ReDoc read it as Markdown with HTML: here its tags lose their meaning.
(() => {
  /** Keywords whose value is data that a request may be filled with, and not text to be read. */
  const data = new Set(['default', 'example', 'examples', 'enum', 'const', 'required', 'pattern', '$ref']);
  /** Keywords whose value maps names to schemas and the like; a name in it is no keyword. */
  const maps = new Set([
    'properties',
    'patternProperties',
    'dependentSchemas',
    '$defs',
    'definitions',
    'schemas',
    'responses',
    'paths',
    'content',
    'headers',
  ]);
  const wordJoiner = '\u2060';

  /** Looks the same, in code too, and begins no tag: HTML asks for a letter, "/", "!" or "?" right after the "<". */
  const withoutTags = (text) => text.replace(/<(?=[a-z/!?])/gi, `<${wordJoiner}`);

  const plain = (node, isMap) => {
    if (typeof node === 'string') return withoutTags(node);
    if (Array.isArray(node)) return node.map((one) => plain(one, false));
    if (typeof node !== 'object' || node === null) return node;
    const entries = Object.entries(node).map(([key, value]) => {
      const isData = !isMap && data.has(key);
      return [key, isData ? value : plain(value, !isMap && maps.has(key))];
    });
    return Object.fromEntries(entries);
  };

  /** Links to other sites open beside the page and learn nothing of it. */
  const guardLink = (link) => {
    // `blob:` is what Swagger UI makes of a result; no other page can name one.
    if (!/^(https?|mailto|blob):$/.test(link.protocol)) link.removeAttribute('href');
    else if (link.origin !== location.origin) {
      link.rel = 'noopener noreferrer nofollow';
      link.target = '_blank';
    }
  };
  const guardLinks = (root) => {
    const guard = (records) => {
      for (const node of records.flatMap(({ addedNodes }) => [...addedNodes])) {
        if (node instanceof HTMLAnchorElement && node.hasAttribute('href')) guardLink(node);
        if (node instanceof Element) for (const link of node.querySelectorAll('a[href]')) guardLink(link);
      }
    };
    new MutationObserver(guard).observe(root, { childList: true, subtree: true });
  };

  const showMessage = (root, message) => {
    const paragraph = document.createElement('p');
    paragraph.className = 'wide problem';
    paragraph.setAttribute('role', 'alert');
    paragraph.textContent = message;
    root.replaceChildren(paragraph);
  };

  /** Calls `show` with the document, or says in `root` why it cannot be shown. */
  window.loadDocument = async (root, documentUrl, show) => {
    let response;
    try {
      response = await fetch(documentUrl);
    } catch {
      showMessage(root, 'The document could not be loaded: the service does not answer. Reload the page to try again.');
      return;
    }
    const body = await response.json().catch(() => undefined);
    if (response.ok && body !== undefined) {
      root.replaceChildren();
      guardLinks(root);
      show(plain(body, false));
      return;
    }
    const reason = body?.detail?.message ?? body?.detail ?? `the service answered ${response.status}`;
    const seconds = Number(response.headers.get('retry-after'));
    const retries = response.status === 503 && seconds > 0;
    showMessage(root, `The document could not be loaded: ${reason}${retries ? ` Trying again in ${seconds} s.` : ''}`);
    if (retries) setTimeout(() => window.loadDocument(root, documentUrl, show), seconds * 1000);
  };
})();
