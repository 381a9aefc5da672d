import { RIGHT_EL1_READ, RIGHT_EL1_WRITE } from '../arch/permission.ts';
import { LEAVES_CHECKED } from '../hardware/counters.ts';
import type { Cpu } from '../hardware/cpu.ts';
import { readPages } from '../hardware/instruction/burst.ts';
import { load } from '../hardware/instruction/load-store.ts';
import type { Op } from '../hardware/op.ts';
import { CPU_PROGRESS } from '../hardware/tlbi/dvm.ts';
import { physToVirt } from '../kernel/address-space.ts';
import { type Kernel, mark } from '../kernel/kernel.ts';
import { exercise } from './exercise.ts';
import { moduleArea } from './places.ts';

/** Pages between two points: a burst is one step to everybody else. */
const BURST_PAGES = 4096;
/** Past this many accesses in all, the CPUs share the pages among them. */
const SHARED_PAST = 64 * 2 ** 20;

/** Reads every page of the linear map through this CPU's own TLB: each must translate to its own frame, writable but for the kernel's text. */
export function* checkLinearMap(cpu: Cpu, k: Kernel): Op {
  mark(cpu, 'work.started');
  yield* exercise(cpu, k);
  cpu.burst.begin();
  for (const piece of pieces(k, cpu)) yield* checkPiece(cpu, k, piece);
  cpu.burst.end();
  mark(cpu, 'work.finished');
}

interface Piece {
  readonly pa: number;
  readonly pages: number;
  readonly right: number;
}

/** This CPU's part of RAM: all of it, or on large boards one share. */
export function pieces(k: Kernel, cpu: Pick<Cpu, 'id'>): Piece[] {
  const { space } = k;
  const { pageBytes } = space.granule;
  const whole: Piece[] = k.board.memory.flatMap(({ base, bytes }) => {
    const end = base + bytes;
    const pieces: Piece[] = [];
    const add = (from: number, to: number, right: number): void => {
      if (from < to) pieces.push({ pa: from, pages: Math.floor((to - from) / pageBytes), right });
    };
    let at = base;
    for (const [from, to] of readOnlyAtTimes(k)) {
      add(at, Math.min(from, end), RIGHT_EL1_WRITE);
      add(Math.max(at, from), Math.min(to, end), RIGHT_EL1_READ);
      at = Math.max(at, to);
    }
    add(at, end, RIGHT_EL1_WRITE);
    return pieces;
  });
  const cpus = k.board.cpus.length;
  const total = whole.reduce((sum, { pages }) => sum + pages, 0);
  if (total * cpus <= SHARED_PAST) return whole;
  return share(whole, Math.floor((total * cpu.id) / cpus), Math.floor((total * (cpu.id + 1)) / cpus), pageBytes);
}

/** Physical ranges that are, or may just now be, read-only: the kernel's text and rodata, and the modules. In order. */
function readOnlyAtTimes(k: Kernel): [number, number][] {
  const area = moduleArea(k);
  const ranges: [number, number][] = [
    [k.space.text, k.space.initBegin],
    [area.pa, area.pa + area.pages * k.space.granule.pageBytes],
  ];
  return ranges.sort(([one], [other]) => one - other);
}

/** Pages `from` to `to` of the pieces laid end to end. */
function share(whole: readonly Piece[], from: number, to: number, pageBytes: number): Piece[] {
  const part: Piece[] = [];
  let at = 0;
  for (const { pa, pages, right } of whole) {
    const first = Math.max(from - at, 0);
    const last = Math.min(to - at, pages);
    if (first < last) part.push({ pa: pa + first * pageBytes, pages: last - first, right });
    at += pages;
  }
  return part;
}

function* checkPiece(cpu: Cpu, k: Kernel, { pa, pages, right }: Piece): Op {
  const { pageBytes } = k.space.granule;
  for (let done = 0; done < pages; done += BURST_PAGES) {
    const count = Math.min(BURST_PAGES, pages - done);
    const from = pa + done * pageBytes;
    const va = physToVirt(k.space, from);
    yield* load(cpu, va); // a point: interrupts, noise, other CPUs
    const result = readPages(cpu, va, from, count, right);
    cpu.counts[LEAVES_CHECKED]! += result.done;
    cpu.words[CPU_PROGRESS]!++;
    if (!result.ok) {
      cpu.observer.promiseBroken(cpu, va + result.done * pageBytes, from + result.done * pageBytes, result.pa);
      return;
    }
  }
}
