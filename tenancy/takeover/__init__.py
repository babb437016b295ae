"""What can be taken over in a namespace that the old scripts made, and how.

`there` is what was found, `obstacles` what prevents a take-over, `updates` what an `up` will
change, `handover` the patches, and `described` the inventory. It knows neither kubectl
nor the database.
"""
