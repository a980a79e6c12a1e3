/** The statement that queries the database about itself, and the same without what a database user may be denied. */

/**
 * `identifier`: of the cluster of databases, the same through a pooler, under another host name and on a replica.
 * Not every user may call that function.
 */
const IDENTIFIER = '(SELECT system_identifier::text FROM pg_control_system())'

/**
 * Every relation that a relation reads, with the role whose rights count there: through a view with `security_invoker` it is
 * still the current user, else the view's owner. A materialized view reads nothing when it is queried.
 */
const readsIn = (schemas: string) => `
  WITH RECURSIVE reads(top, rel, role) AS (
    SELECT c.oid, c.oid, r.oid
      FROM pg_class c, pg_roles r
     WHERE r.rolname = current_user AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN (${schemas}))
    UNION
    SELECT reads.top, d.refobjid,
           CASE WHEN (SELECT bool_or(option_value::boolean) FROM pg_options_to_table(v.reloptions)
                       WHERE option_name = 'security_invoker') THEN reads.role ELSE v.relowner END
      FROM reads
      JOIN pg_class v ON v.oid = reads.rel AND v.relkind = 'v'
      JOIN pg_rewrite w ON w.ev_class = v.oid
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                      AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid
  )`

/** Why the rows of a relation are not the same for every session, as far as the catalogs show it. */
const GUARDED = `
  SELECT reads.top,
         CASE WHEN bool_or(t.relrowsecurity AND NOT (o.rolsuper OR o.rolbypassrls
                           OR (pg_has_role(o.oid, t.relowner, 'USAGE') AND NOT t.relforcerowsecurity)))
                THEN 'row-level security'
              WHEN bool_or(t.oid <> reads.top AND o.rolname = current_user AND NOT has_table_privilege(t.oid, 'SELECT'))
                THEN 'a view of what the database user may not read'
              WHEN bool_or(t.relkind = 'f') THEN 'a foreign table'
              WHEN bool_or(t.relkind = 'v' AND (
                     pg_get_viewdef(t.oid) ~ '\\m(CURRENT_USER|CURRENT_ROLE|SESSION_USER|USER|CURRENT_SCHEMA)\\M'
                     OR pg_get_viewdef(t.oid) ~ '\\m(current_setting|pg_has_role|has_\\w+_privilege|current_schemas?|row_security_active|inet_client_addr|pg_backend_pid)\\('
                     OR EXISTS (SELECT 1 FROM pg_rewrite w
                                  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                                                  AND d.refclassid = 'pg_proc'::regclass
                                  JOIN pg_proc p ON p.oid = d.refobjid AND p.provolatile <> 'i'
                                 WHERE w.ev_class = t.oid)))
                THEN 'a view whose definition reads the session or calls a function that may'
         END AS why
    FROM reads
    JOIN pg_class t ON t.oid = reads.rel
    JOIN pg_roles o ON o.oid = reads.role
   GROUP BY reads.top`

/** Columns that the database user may not read. */
const DENIED = `
  SELECT array_agg(a.attname::text) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     AND NOT (has_schema_privilege(c.relnamespace, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT'))`

const RELATIONS = `
  SELECT json_agg(json_build_object('name', n.nspname || '.' || c.relname, 'guarded', g.why, 'denied', d.columns))
    FROM (${GUARDED}) g
    JOIN pg_class c ON c.oid = g.top
    JOIN pg_namespace n ON n.oid = c.relnamespace
   CROSS JOIN LATERAL (SELECT (${DENIED}) AS columns) d
   WHERE g.why IS NOT NULL OR d.columns IS NOT NULL`

/** Columns of text whose values are not simply compared byte by byte, or not kept as they are given. */
const textsIn = (schemas: string) => `
  SELECT json_agg(json_build_object('name', n.nspname || '.' || c.relname || '.' || a.attname, 'type', t.typname,
           'length', CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 END, 'deterministic', coalesce(l.collisdeterministic, true)))
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN (${schemas})
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
   WHERE a.attnum > 0 AND NOT a.attisdropped AND (t.typcategory = 'S' OR a.attcollation <> 0)
     AND (t.typname <> 'text' OR NOT coalesce(l.collisdeterministic, true))
     AND NOT (t.typname = 'varchar' AND a.atttypmod < 0 AND coalesce(l.collisdeterministic, true))`

/** Tables whose rows may change after the statement that has returned them: by a trigger that runs after it, or by a rule. */
const changedAfterIn = (schemas: string) => `
  SELECT json_agg(n.nspname || '.' || c.relname)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN (${schemas})
   WHERE c.relkind NOT IN ('r', 'p') OR (c.relhasrules AND c.relkind IN ('r', 'p'))
      OR EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 66 = 0)`

/**
 * @param identifies - whether the database user may see the identifier
 * @param schemas - the Postgres schemas of the models: a database may have one per tenant, with all tables each
 */
export function questionOf(identifies: boolean, schemas: readonly string[]): string {
  const names = schemas.map(name => `'${name.replaceAll("'", "''")}'`).join(', ')
  return `${readsIn(names)}
  SELECT ${identifies ? IDENTIFIER : 'NULL'} AS identifier,
         (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS oid,
         current_database()::text AS database,
         (${RELATIONS})::text AS relations,
         (${textsIn(names)})::text AS texts,
         (${changedAfterIn(names)})::text AS changed_after`
}
