"""The user's own images: from a file or folder as it lies to grey pixels [N, H, W].

Formats give arrays by name; roles say which of them are what; axes, colour, size and values turn
each into grey images of one size. What is not obvious is asked for, never guessed.
"""
