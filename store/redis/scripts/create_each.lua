return each(3, create)
