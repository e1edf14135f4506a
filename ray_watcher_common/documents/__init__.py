"""Files that a person wrote: YAML with line numbers, checked, edited in place, its mistakes as findings."""
