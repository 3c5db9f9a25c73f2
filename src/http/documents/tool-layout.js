// The page around the tools, and the line of each: a plugin for Swagger UI.
(() => {
  const ToolsLayout =
    ({ React, getComponent }) =>
    () => {
      const create = React.createElement;
      const [filter, authorize, operations] = ['FilterContainer', 'AuthorizeBtnContainer', 'operations'].map((name) =>
        create(getComponent(name, true)),
      );
      return create(
        'div',
        { className: 'swagger-ui' },
        create(getComponent('SvgAssets')),
        create(getComponent('errors', true)),
        create('div', { className: 'tool-bar' }, filter, authorize),
        create('div', { id: 'operations' }, operations),
      );
    };

  /** Swagger UI's own has a link within a button, which keyboards and screen readers cannot reach. */
  const OperationSummary =
    (_original, { React, getComponent }) =>
    ({ operationProps, isShown, toggleShown, authActions, authSelectors }) => {
      const create = React.createElement;
      const { op, path, tag, operationId, summary, isAuthorized, security } = operationProps.toObject();
      const name = decodeSegment(path.split('/').at(-1));
      const title = op.get('summary') || summary;
      const isSecured = security?.size > 0 && !security.first().isEmpty();
      const toggle = (event) => {
        event.preventDefault();
        toggleShown();
      };
      const link = create('a', { href: `#/${tag}/${operationId}`, onClick: toggle }, name);
      const Arrow = getComponent(isShown ? 'ArrowUpIcon' : 'ArrowDownIcon');
      const AuthorizeButton = getComponent('authorizeOperationBtn', true);
      return create(
        'div',
        { className: 'opblock-summary' },
        create('h3', { className: 'opblock-summary-path', 'data-path': path }, link),
        create(
          'button',
          { type: 'button', className: 'opblock-summary-control', 'aria-expanded': isShown, onClick: toggle },
          create('span', { className: 'opblock-summary-description' }, title),
          create(Arrow, { className: 'arrow' }),
        ),
        isSecured &&
          create(AuthorizeButton, {
            isAuthorized,
            onClick: () => authActions.showDefinitions(authSelectors.definitionsForRequirements(security)),
          }),
      );
    };

  /** Attributes that screen readers need, and Swagger UI leaves out or gives in other words than are seen. */
  const corrections = [
    ['.close-modal', 'aria-label', 'Close'],
    ['.opblock-body textarea', 'aria-label', 'Request body'],
    ['.auth-btn-wrapper button.authorize[type="submit"]', 'aria-label', 'Authorize: apply credentials'],
    ['.auth-btn-wrapper button[aria-label="Remove authorization"]', 'aria-label', 'Logout: remove authorization'],
    ['.json-schema-2020-12-accordion:not(:has(.json-schema-2020-12__title))', 'aria-label', 'Schema'],
    ['table[role="region"]', 'role', 'table'],
    // They scroll where they are long.
    ['.opblock-body pre', 'tabindex', '0'],
    ['.auth-container h6', 'role', 'presentation'],
  ];
  window.correctControls = (root) => {
    const correct = () => {
      for (const [selector, attribute, value] of corrections) {
        for (const control of root.querySelectorAll(selector)) control.setAttribute(attribute, value);
      }
    };
    new MutationObserver(correct).observe(root, { childList: true, subtree: true });
  };

  /** `#/<group>/<operation>`: Swagger UI's own reading of it complains of every underscore. */
  const parseDeepLinkHash =
    (_original, { layoutActions }) =>
    (hash) => {
      const [group, operation] = hash
        .replace(/^#!?\/?/, '')
        .split('/')
        .map(decodeSegment);
      if (!group) return;
      const key = operation ? ['operations', group, operation] : ['operations-tag', group];
      layoutActions.show(['operations-tag', group], true);
      layoutActions.show(key, true);
      layoutActions.scrollTo(key);
    };
  const decodeSegment = (segment) => {
    try {
      return decodeURIComponent(segment);
    } catch {
      return segment;
    }
  };

  window.toolLayout = (system) => ({
    components: { ToolsLayout: ToolsLayout(system) },
    wrapComponents: { OperationSummary },
    statePlugins: { layout: { wrapActions: { parseDeepLinkHash } } },
  });
})();
