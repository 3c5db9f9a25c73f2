import express, { type RequestHandler } from 'express';
import { type AdminPageDependencies, createAdminPages } from './admin/admin-pages.ts';
import { createVaultPages, type VaultPageDependencies } from './vault/vault-pages.ts';
import { createVaultRoutes, type VaultRouteDependencies } from './vault/vault-routes.ts';

export type VaultAppDependencies = AdminPageDependencies & VaultPageDependencies & VaultRouteDependencies;

export type VaultApp = RequestHandler;

/** What answers under `/vault` and `/admin`, at the root and under the path prefix. */
export function createVaultApp(dependencies: VaultAppDependencies): RequestHandler {
  const { pathPrefix } = dependencies.settings;
  const router = express.Router({ caseSensitive: true });
  const bases = [...new Set(['/', pathPrefix])];
  router.use(
    bases.map((base) => `${base}vault`),
    createVaultRoutes(dependencies),
  );
  router.use(createVaultPages(dependencies));
  router.use(createAdminPages(dependencies));
  return router;
}
