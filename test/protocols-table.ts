/** A scenario of the README's table of protocols; `andMore`: those that begin alike are meant too. */
export interface NamedProtocol {
  readonly name: string;
  readonly andMore: boolean;
}

export function protocolsIn(readme: string): NamedProtocol[] {
  const table = readme.split('The protocols, each with its twins')[1]!.split('\n## ')[0]!;
  return [...table.matchAll(/`([a-z-]+)`( \.\.\.)?/g)].map(([, name, more]) => ({
    name: name!,
    andMore: more !== undefined,
  }));
}
