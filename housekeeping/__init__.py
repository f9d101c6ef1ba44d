"""What maintainers run: releases (release.py) and the rules of imports (import_contract.py)."""
