import type { Board } from '../../hardware/board/board.ts';
import { boardPresets } from '../../hardware/board/board-presets.ts';

const oneBlock = boardPresets.get('one-block')!;

/** Where blocks may be split in place: both CPUs have BBML2. A tiny kernel, and one 2M block. */
export const ablePair: Board = {
  ...oneBlock,
  name: 'able-pair',
  summary: 'two CPUs with BBML2 and tiny TLBs, a tiny kernel and one 2M block',
  cpus: [oneBlock.cpus[0]!, oneBlock.cpus[0]!],
};

/** The same with one more. */
export const ableThree: Board = {
  ...ablePair,
  name: 'able-three',
  summary: 'three CPUs with BBML2 and tiny TLBs, a tiny kernel and one 2M block',
  cpus: [...ablePair.cpus, oneBlock.cpus[0]!],
};
