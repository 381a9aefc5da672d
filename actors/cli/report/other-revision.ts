import { DEFAULT_CONFIG } from '../../../src/kernel/config.ts';
import type { Configuration } from '../configuration/configuration.ts';

/**
 * Why a bad twin may go uncaught where its kernel is not the one that it was written for: revisions have sentences that others do not say, and
 * what they do not say cannot be changed. Empty where the revision is its own.
 */
export function otherRevision({ scenario, kernel }: Pick<Configuration, 'scenario' | 'kernel'>): string {
  const own = scenario.kernel?.revision ?? DEFAULT_CONFIG.revision;
  if (kernel.revision === own) return '';
  return `: it is written for ${own}, and in ${kernel.revision} there may be nothing for it to change`;
}
