import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter, type Pair, visit } from 'yaml';

/** A position in a file, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Located {
  readonly place: Place;
  readonly message: string;
}

export type Path = readonly PropertyKey[];

/** Finds where the values of one YAML document stand in its text. */
export interface Places {
  /** Of the value, or of the innermost mapping or list on the way to it that exists. */
  ofValue(path: Path): Place;
  /** Of a key of the mapping at `path`. */
  ofKey(path: Path, key: string): Place;
  ofOffset(offset: number): Place;
  /** `*name` without an earlier `&name`. The parser leaves these to whoever reads the values. */
  lostAliases(): Located[];
}

export function placesIn(document: Document, lines: LineCounter): Places {
  const ofOffset = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const walk = (path: Path): { node: unknown; offset: number } => {
    let node: unknown = document.contents;
    let offset = startOf(node) ?? 0;
    for (const step of path) {
      const next = child(follow(node, document), step);
      if (next === undefined) return { node: undefined, offset };
      node = next.node;
      offset = next.offset ?? offset;
    }
    return { node: follow(node, document), offset };
  };
  return {
    ofOffset,
    lostAliases: () => {
      const lost: Located[] = [];
      visit(document, {
        Alias: (_, alias) => {
          if (alias.resolve(document) !== undefined) return;
          lost.push({
            place: ofOffset(startOf(alias) ?? 0),
            message: `there is no &${alias.source} before *${alias.source}`,
          });
        },
      });
      return lost;
    },
    ofValue: (path) => ofOffset(walk(path).offset),
    ofKey: (path, key) => {
      const { node, offset } = walk(path);
      const pair = isMap(node) ? node.items.find((item) => keyOf(item) === key) : undefined;
      return ofOffset(startOf(pair?.key) ?? offset);
    },
  };
}

interface Child {
  readonly node: unknown;
  readonly offset: number | undefined;
}

function child(parent: unknown, step: PropertyKey): Child | undefined {
  if (isMap(parent)) {
    const pair = parent.items.find((item) => keyOf(item) === String(step));
    if (pair === undefined) return undefined;
    // A key without a value has an empty node behind the colon: the key itself is the better place.
    return { node: pair.value, offset: startOf(isEmpty(pair.value) ? pair.key : pair.value) };
  }
  if (!isSeq(parent) || typeof step !== 'number' || step >= parent.items.length) return undefined;
  return { node: parent.items[step], offset: startOf(parent.items[step]) };
}

const keyOf = (pair: Pair): string => String(isScalar(pair.key) ? pair.key.value : pair.key);
const follow = (node: unknown, document: Document): unknown => (isAlias(node) ? node.resolve(document) : node);
const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);
const isEmpty = (node: unknown): boolean => !isNode(node) || node.range?.[0] === node.range?.[1];
