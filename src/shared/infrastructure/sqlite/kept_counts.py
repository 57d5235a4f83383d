"""Counts that are kept as rows come, change and go, so that nobody has to count them."""

from collections.abc import Mapping


def kept_counts(name: str, *, of: str, by: Mapping[str, str], where: str = "1", size: str | None = None) -> str:
    """The statements that make the table `name`, fill it, and keep it by triggers in whatever writes the table `of`.

    One row for each combination that some row has: the columns of `by`, `number` (how many rows have it), and `size`
    (the sum of that column). `by` and `where` are SQL over one row, whose columns are said as `row.column`; no
    combination has a NULL. `INSERT OR REPLACE` into `of` would go past the triggers: use `ON CONFLICT … DO UPDATE`.
    """

    def over(sql: str, row: str) -> str:
        return sql.replace("row.", f"{row}.")

    def keys(row: str) -> str:
        return ", ".join(over(sql, row) for sql in by.values())

    def is_it(row: str) -> str:
        return " AND ".join(f"{column} = {over(sql, row)}" for column, sql in by.items())

    columns = ", ".join(by)
    counted = "number" if size is None else "number, size"
    more = "number = number + 1" if size is None else "number = number + 1, size = size + excluded.size"
    less = "number = number - 1" if size is None else f"number = number - 1, size = size - old.{size}"
    one, sums = ("1", "count(*)") if size is None else (f"1, new.{size}", f"count(*), sum({of}.{size})")
    come = (
        f"INSERT INTO {name} ({columns}, {counted}) SELECT {keys('new')}, {one} WHERE {over(where, 'new')}"
        f" ON CONFLICT ({columns}) DO UPDATE SET {more};"
    )
    gone = (
        f"UPDATE {name} SET {less} WHERE {is_it('old')} AND {over(where, 'old')};"
        f" DELETE FROM {name} WHERE {is_it('old')} AND number = 0;"
    )
    differs = " OR ".join(
        f"{over(sql, 'old')} IS NOT {over(sql, 'new')}"
        for sql in (*by.values(), f"({where})", *(() if size is None else (f"row.{size}",)))
    )
    kept = ", ".join(f"{column} NOT NULL" for column in (*by, *counted.split(", ")))
    return f"""
CREATE TABLE {name} ({kept}, PRIMARY KEY ({columns})) WITHOUT ROWID;
INSERT INTO {name} ({columns}, {counted}) SELECT {keys(of)}, {sums} FROM {of} WHERE {over(where, of)}
    GROUP BY {", ".join(str(place + 1) for place in range(len(by)))};
CREATE TRIGGER {name}_come AFTER INSERT ON {of} BEGIN {come} END;
CREATE TRIGGER {name}_gone AFTER DELETE ON {of} BEGIN {gone} END;
CREATE TRIGGER {name}_changed AFTER UPDATE ON {of} WHEN {differs} BEGIN {gone} {come} END;
"""
