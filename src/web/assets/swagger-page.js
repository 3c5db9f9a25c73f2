// Shows the document that the page names in `data-document-url` with Swagger UI.
(() => {
  const root = document.getElementById('swagger-ui');
  const documentUrl = new URL(root.dataset.documentUrl, location.href);
  const many = 8;

  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const applyScheme = () => document.documentElement.classList.toggle('dark-mode', prefersDark.matches);
  prefersDark.addEventListener('change', applyScheme);
  applyScheme();

  const show = (spec) => {
    const toolCount = Object.keys(spec.paths ?? {}).length;
    // The page was reached at an address that works, whatever a proxy in between strips; the document may name another.
    spec.servers = [{ url: new URL('.', documentUrl).href.replace(/\/$/, '') }];
    SwaggerUIBundle({
      spec,
      domNode: root,
      presets: [SwaggerUIBundle.presets.apis],
      layout: 'BaseLayout',
      deepLinking: true,
      filter: toolCount > many,
      docExpansion: (spec.tags ?? []).length > 1 && toolCount > many ? 'none' : 'list',
      defaultModelsExpandDepth: -1,
      displayRequestDuration: true,
      persistAuthorization: false,
      validatorUrl: null,
    });
  };

  const tell = (message) => {
    const paragraph = document.createElement('p');
    paragraph.className = 'wide problem';
    paragraph.setAttribute('role', 'alert');
    paragraph.textContent = message;
    root.replaceChildren(paragraph);
  };

  const load = async () => {
    let response;
    try {
      response = await fetch(documentUrl);
    } catch {
      tell('The document could not be loaded: the service does not answer. Reload the page to try again.');
      return;
    }
    const body = await response.json().catch(() => undefined);
    if (response.ok && body !== undefined) {
      root.replaceChildren();
      show(body);
      return;
    }
    const reason = body?.detail?.message ?? body?.detail ?? `the service answered ${response.status}`;
    const seconds = Number(response.headers.get('retry-after'));
    const retries = response.status === 503 && seconds > 0;
    tell(`The document could not be loaded: ${reason}${retries ? ` Trying again in ${seconds} s.` : ''}`);
    if (retries) setTimeout(load, seconds * 1000);
  };

  load();
})();
