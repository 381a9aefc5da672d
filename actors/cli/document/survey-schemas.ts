import { z } from 'zod';
import { REVISIONS } from '../../../src/kernel/config.ts';
import { count, head, verdict } from './document-parts.ts';

/** Documents that go through many runs: `matrix` and `bugs`. */

export const matrix = z.looseObject({
  ...head('matrix'),
  config: z.looseObject({
    scenario: z.string(),
    seed: count,
    schedules: count.min(1),
    from: z.string(),
    revisions: z.array(z.enum(REVISIONS)),
    small: z.literal(true).describe('each board is explored as `explore --small` makes it'),
  }),
  verdict,
  cells: z.array(
    z.looseObject({
      board: z.string().describe('with what there is about its kernel: realm, PREEMPT_RT'),
      revision: z.enum(REVISIONS),
      found: z.string().describe('good, the property that was violated, or inconclusive'),
      message: z.string(),
      schedules: count,
      token: z.string().optional(),
    }),
  ),
  durationMs: z.number().min(0),
});

export const bugs = z.looseObject({
  ...head('bugs'),
  config: z.looseObject({ seed: count, seeds: count.min(1), schedules: count.min(1) }).optional(),
  bugs: z.array(
    z.looseObject({
      name: z.string(),
      wrong: z.string(),
      source: z.string(),
      revision: z.string(),
      fix: z.string(),
      scenario: z.string().optional().describe('in which it happens'),
      expect: z.string().optional().describe('the property that has to catch it'),
      why: z.string().optional().describe('why it cannot be acted out'),
      found: z.boolean().optional().describe('with `run`: whether any seed found it'),
      property: z.string().optional().describe('what caught it'),
      schedules: count.optional().describe('median over the seeds'),
      random: z.array(count.nullable()).optional().describe('schedules from each seed; null: not found'),
      pct: z.array(count.nullable()).optional(),
      token: z.string().optional(),
    }),
  ),
});
