"""The twelve labels of the CMP Facade Database and the colours of its label maps.

Radim Tylecek, Radim Sara: Spatial Pattern Templates for Recognition of Objects with Regular
Structure (GCPR 2013).
"""

PALETTE: tuple[tuple[str, tuple[int, int, int]], ...] = (
    ("background", (0, 0, 170)),
    ("facade", (0, 0, 255)),
    ("window", (0, 85, 255)),
    ("door", (0, 170, 255)),
    ("cornice", (0, 255, 255)),
    ("sill", (85, 255, 170)),
    ("balcony", (170, 255, 85)),
    ("blind", (255, 255, 0)),
    ("deco", (255, 170, 0)),
    ("molding", (255, 85, 0)),
    ("pillar", (255, 0, 0)),
    ("shop", (170, 0, 0)),
)
