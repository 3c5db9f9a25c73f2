// Keeps what was entered under Authorize for this tab, and forgets it with Log out: a plugin for Swagger UI.
(() => {
  /** Services under several paths of one host have keys of their own. */
  const storageKey = (serviceUrl) => `mcpo-ts credentials ${serviceUrl}`;

  const read = (key) => {
    try {
      const kept = JSON.parse(sessionStorage.getItem(key) ?? '{}');
      return Object.entries(kept).filter(([, value]) => typeof value === 'string' && value !== '');
    } catch {
      return [];
    }
  };
  const write = (key, authorized) => {
    const values = [...authorized.entries()].map(([name, scheme]) => [name, scheme.get('value')]);
    const kept = values.filter(([, value]) => typeof value === 'string' && value !== '');
    try {
      if (kept.length === 0) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(kept)));
    } catch {
      // Without storage they hold until the page is left.
    }
  };

  /** The plugin; `restore` gives Swagger UI what the tab has, for the schemes of the document. */
  window.keptCredentials = (serviceUrl) => {
    const key = storageKey(serviceUrl);
    const keeping =
      (original, { authSelectors }) =>
      (...given) => {
        const result = original(...given);
        write(key, authSelectors.authorized());
        return result;
      };
    return {
      plugin: { statePlugins: { auth: { wrapActions: { authorize: keeping, logout: keeping } } } },
      restore: (ui, spec) => {
        const schemes = spec.components?.securitySchemes ?? {};
        for (const [name, value] of read(key)) {
          if (Object.hasOwn(schemes, name) && schemes[name].type === 'http') ui.preauthorizeApiKey(name, value);
        }
      },
    };
  };
})();
