import { z } from 'zod';
import { granules } from '../../../src/hardware/board/board.ts';
import { KFENCE, REVISIONS, RODATA } from '../../../src/kernel/config.ts';

/** What several of the `--json` documents have in common. */

export const count = z.number().int().min(0);
export const hexadecimal = z.string().regex(/^0x[0-9a-f]+$/);
export const bytesByLeaf = z
  .record(z.string(), count)
  .describe('bytes mapped by each kind of leaf: 4K, 64K cont, 2M ...');

export const head = <C extends string>(command: C) => ({ command: z.literal(command), version: z.string() });

export const machine = {
  board: z.string(),
  cpus: count.min(1),
  models: z.string().describe('how many CPUs of each model'),
  memory: z.string().describe('RAM, such as 4G'),
  granule: z.enum(granules),
  vaBits: count,
  revision: z.enum(REVISIONS),
  rodata: z.enum(RODATA),
  debugPagealloc: z.boolean(),
  realm: z.boolean(),
  preemptRt: z.boolean(),
  kfence: z.enum(KFENCE),
  seed: count,
};

export const verdict = z.enum(['good', 'violated', 'inconclusive']);

export const violation = z.looseObject({
  property: z.string(),
  cpu: z.number().int().min(-1).describe('-1: the machine as a whole'),
  step: z.number().int().min(-1).describe('global step of the trace; -1: none'),
  message: z.string(),
  evidence: z.array(z.string()),
  remedy: z.string().describe('what would have prevented it; empty where nobody can tell'),
  token: z.string().optional().describe('for `asymmu replay`'),
});
