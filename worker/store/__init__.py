"""The only place that speaks SQL: tables, and one function for each thing that happens to them."""
