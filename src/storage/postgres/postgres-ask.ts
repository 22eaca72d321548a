/** Asks a connection: rows by column name. For statements that are asked once, outside units of work. */
export type Ask = <Row = Record<string, any>>(sql: string, values?: readonly unknown[]) => Promise<Row[]>
