import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeRangeOperand, encodeVaOperand } from '../../../src/arch/tlbi-operand.ts';
import { pendingIn } from '../../../src/check/invalidation/pending.ts';
import { BROKEN } from '../../../src/check/invalidation/pending-row.ts';
import type { Cpu } from '../../../src/hardware/cpu.ts';
import { dsb } from '../../../src/hardware/instruction/barrier.ts';
import {
  CONTROL_CHECK_LOCK,
  CONTROL_DVM_COMPLETED,
  CONTROL_DVM_ISSUED,
  read,
} from '../../../src/hardware/memory/memory.ts';
import { tlbi } from '../../../src/hardware/tlbi/tlbi.ts';
import { change, entryAt, flush, page, put, rigOf, run } from '../rig.ts';

const PAGES = 8;
const PAGE = 4096;

/** One page's changes that await invalidation, as naively as can be: what it held, how it changed, and when. */
interface Note {
  readonly index: number;
  readonly kind: string;
  readonly before: bigint;
  readonly time: number;
}

const CHANGES = ['break', 'restore', 'protect', 'move'] as const;
const FLUSHES = ['one', 'hinted', 'local', 'otherAsid', 'range', 'everything'] as const;
type Edit = (typeof CHANGES)[number];

interface Action {
  readonly type: Edit | (typeof FLUSHES)[number] | 'dsb';
  readonly index: number;
  readonly num: number;
}

const action: fc.Arbitrary<Action> = fc.record({
  type: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...CHANGES) },
    { weight: 3, arbitrary: fc.constantFrom(...FLUSHES) },
    { weight: 2, arbitrary: fc.constant('dsb' as const) },
  ),
  index: fc.nat(PAGES - 1),
  num: fc.nat(5),
});

/** Runs the actions on the machine and beside it on the naive notes; both must agree after each. */
function compare(actions: readonly Action[], position = 0): void {
  const rig = rigOf({ classes: ['level3', 'level3'] });
  const { control } = rig.machine.memory;
  for (const word of [CONTROL_DVM_ISSUED, CONTROL_DVM_COMPLETED]) Atomics.store(control, word, position);
  const cpu = rig.cpus[0]!;
  for (const each of rig.cpus) each.words[1] = position;
  const va = rig.k.space.pageOffset + 2 ** 30;
  const entries = Array.from({ length: PAGES }, (_, i) => entryAt(rig, va + i * PAGE, 3));
  for (const [i, entry] of entries.entries()) put(rig, entry, page(i * PAGE, { AP: i % 5 === 0 ? 2 : 0 }));
  let notes: Note[] = [];
  const underWay: { from: number; to: number; time: number }[] = [];
  for (const [time, step] of actions.entries()) {
    if (step.type === 'dsb') {
      run(dsb(cpu, 'ish'));
      notes = notes.filter((note) =>
        underWay.every(({ from, to, time: issued }) => note.time > issued || note.index < from || note.index >= to),
      );
      underWay.length = 0;
    } else if (step.type === 'everything') {
      run(tlbi(cpu, 'vmalle1is'));
      underWay.push({ from: 0, to: PAGES, time });
    } else if (step.type === 'range') {
      run(tlbi(cpu, 'rvaale1is', encodeRangeOperand(va + step.index * PAGE, step.num, 0, rig.k.space.granule)));
      underWay.push({ from: step.index, to: step.index + 2 * (step.num + 1), time });
    } else if (step.type === 'one' || step.type === 'otherAsid') {
      run(
        tlbi(
          cpu,
          step.type === 'one' ? 'vaae1is' : 'vale1is',
          encodeVaOperand(va + step.index * PAGE, step.type === 'one' ? 0 : 7),
        ),
      );
      underWay.push({ from: step.index, to: step.index + 1, time }); // the pages are global: any ASID will do
    } else if (step.type === 'hinted') {
      run(tlbi(cpu, 'vaae1is', encodeVaOperand(va + step.index * PAGE, 0, 2, rig.k.space.granule)));
    } else if (step.type === 'local') {
      run(tlbi(cpu, 'vaae1', encodeVaOperand(va + step.index * PAGE)));
    } else {
      const entry = entries[step.index]!;
      const before = read(rig.machine.memory, entry);
      const after = edited(step.type, step.index, before);
      change(cpu, entry, after);
      if ((before & 1n) === 1n && before !== after)
        notes.push({ index: step.index, kind: after === 0n ? 'broken' : 'replaced', before, time });
    }
    expect(noted(cpu, va)).toEqual([...new Set(notes.map(({ index: at, kind }) => `${at} ${kind}`))].sort());
    for (const { kind, start, before, mixed, unit, end } of pendingIn(cpu, va, va + PAGES * PAGE)) {
      if (mixed) continue;
      for (let at = start; at < end; at += unit)
        expect(notes).toContainEqual(
          expect.objectContaining({
            index: (at - va) / PAGE,
            kind: kind === BROKEN ? 'broken' : 'replaced',
            before: before + BigInt(at - start),
          }),
        );
    }
  }
}

function edited(type: Edit, at: number, before: bigint): bigint {
  if (type === 'break') return 0n;
  if (type === 'restore') return page(at * PAGE);
  if (type === 'move') return page((at + PAGES) * PAGE);
  return before === 0n ? 0n : before ^ (1n << 7n);
}

function noted(cpu: Cpu, va: number): string[] {
  const pages = pendingIn(cpu, va, va + PAGES * PAGE).flatMap(({ start, end, unit, kind }) =>
    Array.from(
      { length: (end - start) / unit },
      (_, i) => `${(start - va) / PAGE + i} ${kind === BROKEN ? 'broken' : 'replaced'}`,
    ),
  );
  return [...new Set(pages)].sort();
}

test('what is noted is what a list of single pages would note, whatever shares a row', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => compare(actions)),
    { numRuns: 400 },
  );
});

test('... and across the wrap of the positions in the log', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => compare(actions, 2 ** 31 - 3)),
    { numRuns: 100 },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => compare(actions, -3)),
    { numRuns: 100 },
  );
});

test('a flush of the middle leaves both ends, and what they held', () => {
  const rig = rigOf({ classes: ['level3'] });
  const va = rig.k.space.pageOffset + 2 ** 30;
  for (let i = 0; i < 9; i++) put(rig, entryAt(rig, va + i * PAGE, 3), page(i * PAGE));
  for (let i = 0; i < 9; i++) change(rig.cpus[0]!, entryAt(rig, va + i * PAGE, 3), 0n);
  flush(rig.cpus[0]!, 'vaale1is', va + 4 * PAGE);
  expect(pendingIn(rig.cpus[0]!, va, va + 9 * PAGE)).toMatchObject([
    { start: va, end: va + 4 * PAGE, before: page(0) },
    { start: va + 5 * PAGE, end: va + 9 * PAGE, before: page(5 * PAGE) },
  ]);
});

test('stores that become visible in any order end up in one row', () => {
  const rig = rigOf({ classes: ['level3'] });
  const va = rig.k.space.pageOffset + 2 ** 30;
  const order = Array.from({ length: 512 }, (_, i) => (i * 205) % 512);
  const entries = order.map((_, i) => entryAt(rig, va + i * PAGE, 3));
  for (const [i, entry] of entries.entries()) put(rig, entry, page(i * PAGE));
  for (const i of order) change(rig.cpus[0]!, entries[i]!, 0n);
  const rows = pendingIn(rig.cpus[0]!, va, va + 512 * PAGE);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ start: va, end: va + 512 * PAGE, before: page(0), mixed: false });
});

test('whoever waits for the notebook relaxes until it is free', () => {
  const rig = rigOf({ classes: ['level3'] });
  const va = rig.k.space.pageOffset + 2 ** 30;
  const entry = entryAt(rig, va, 3);
  put(rig, entry, page(0));
  const { control } = rig.machine.memory;
  Atomics.store(control, CONTROL_CHECK_LOCK, 1);
  let spins = 0;
  const cpu: Cpu = {
    ...rig.cpus[0]!,
    relax: (count) => {
      spins = count;
      if (count === 1000) Atomics.store(control, CONTROL_CHECK_LOCK, 0);
    },
  };
  cpu.observer.tableWordVisible(cpu, entry, page(0), 0n);
  expect(spins).toBe(1000);
  expect(pendingIn(cpu, va, va + PAGE)).toHaveLength(1);
  expect(Atomics.load(control, CONTROL_CHECK_LOCK)).toBe(0);
});

test('a neighbour that is broken after the TLBI, and before that is noted, keeps nobody from its completion', () => {
  const rig = rigOf({ classes: ['level3', 'level3'] });
  const [cpu, other] = rig.cpus as [Cpu, Cpu];
  const va = rig.k.space.pageOffset + 2 ** 30;
  const entries = [0, 1].map((i) => entryAt(rig, va + i * PAGE, 3));
  for (const [i, entry] of entries.entries()) put(rig, entry, page(i * PAGE));
  const slow: Cpu = {
    ...cpu,
    observer: {
      ...cpu.observer,
      tlbiIssued: (self, record) => {
        change(other, entries[1]!, 0n);
        cpu.observer.tlbiIssued(self, record);
      },
    },
  };
  change(slow, entries[0]!, 0n);
  flush(slow, 'vaale1is', va);
  expect(pendingIn(slow, va, va + 2 * PAGE)).toMatchObject([{ start: va + PAGE, end: va + 2 * PAGE, cpu: other.id }]);
});
