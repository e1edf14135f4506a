"""Operations by hand: list, add, drain and remove workers."""
