/** The milestones that the kernel's protocols mark, in one list: a mark travels as its number. Charts know them as events. */
export const MARKS = [
  'cpu.started',
  'features.detected',
  'features.accepted',
  'features.refused',
  'linearMap.painted',
  'cpu.online',
  'smp.broughtUp',
  'capabilities.finalised',
  'repaint.notNeeded',
  'repaint.started',
  'stopMachine.prepare',
  'stopMachine.irqsOff',
  'stopMachine.run',
  'stopMachine.exit',
  'repaint.painting',
  'repaint.parking',
  'idmap.installed',
  'repaint.parked',
  'repaint.everybodyParked',
  'repaint.painted',
  'repaint.flushed',
  'repaint.released',
  'repaint.leaving',
  'idmap.uninstalled',
  'repaint.finished',
  'system.running',
  'work.started',
  'work.finished',
  'cpu.idle',
  'split.started',
  'split.finished',
  'cpu.panicked',
] as const;

export type Mark = (typeof MARKS)[number];

export const MARK = Object.fromEntries(MARKS.map((name, index) => [name, index])) as Readonly<Record<Mark, number>>;
