"""Builds loose index scans, which find the distinct values of a column by one index probe each. Postgres plans none."""


def distinct_values(name: str, table: str, column: str, *conditions: str, descending: bool = False) -> str:
    """Returns a common table expression for `WITH RECURSIVE`: each value of a column once, and at the end a null.

    It reads the rows for which one of `conditions` holds, all rows without any. Each condition needs an index of its
    own that leads to the column. The names and conditions are SQL of ours, never values.
    """
    nearest, nearest_of, further = ("max", "greatest", "<") if descending else ("min", "least", ">")

    def probe(beyond: str) -> str:
        probes = [
            f"(SELECT {nearest}(t.{column}) FROM {table} t WHERE {condition}{beyond})"  # noqa: S608 - names of ours
            for condition in conditions or ("true",)
        ]
        return probes[0] if len(probes) == 1 else f"{nearest_of}({', '.join(probes)})"

    return f"""{name} AS (
        SELECT {probe("")} AS {column}
        UNION ALL
        SELECT {probe(f" AND t.{column} {further} {name}.{column}")} FROM {name} WHERE {name}.{column} IS NOT NULL
    )"""  # noqa: S608 - names of ours
