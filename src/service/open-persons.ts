import type { AuditEvent } from '../audit/audit-event.ts';
import type { AuthSettings } from '../auth/auth-settings.ts';
import type { Persons } from '../auth/identity-evidence.ts';
import { OpenWebUiSubjects } from '../auth/open-webui-subjects.ts';
import { toUserPrincipalId } from '../auth/principal.ts';
import type { UserId } from '../auth/user.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type IdentityLinkReport, LinkedPersons } from '../vault/persons.ts';
import type { LazyVault } from './lazy-vault.ts';

export interface PersonsParts {
  readonly vault: LazyVault;
  readonly auth: AuthSettings;
  readonly logger: Logger;
  readonly record: (event: AuditEvent) => void;
  /** `audit.pseudonymise`: the log names nobody. */
  readonly isPseudonymous: boolean;
}

/** Opens what links identities; each link and conflict is in the audit log and the log. */
export async function openPersons({ vault, auth, logger, record, isPseudonymous }: PersonsParts): Promise<Persons> {
  const { url, apiKey } = auth.openWebUi;
  const { provider } = auth.identity;
  const subjects = url === undefined || apiKey === undefined ? undefined : new OpenWebUiSubjects(url, apiKey, provider);
  const opened = await vault.openForCall();
  const persons = new LinkedPersons({
    store: vault.identities(),
    keyring: () => opened.keyring(),
    catchUp: () => opened.catchUp(),
    subjects: () => subjects,
    report: (link) => report(link),
    logger,
  });
  opened.onChange((owner, server) => {
    if (server === undefined) persons.forget(owner);
  });
  return persons;

  function report({ action, person, identity, details }: IdentityLinkReport): void {
    const isLink = action === 'link';
    const userId = toUserPrincipalId(person);
    const subjectId = toUserPrincipalId(identity);
    const result = isLink ? 'success' : 'refused';
    record({ eventType: 'identity_link', action, userId, subjectId, resource: 'identity', result, details });
    const message = isLink
      ? 'two identities are one person now: the values of the one belong to the other'
      : 'an identity was not linked: the person has another one of this issuer, or several people have this address';
    const nameOf = ({ issuer, subject }: UserId) => `${issuer}:${subject}`;
    logger[isLink ? 'info' : 'warn'](
      message,
      isPseudonymous ? {} : { person: nameOf(person), identity: nameOf(identity) },
    );
  }
}
