"""The pure core: what Amazon reports, what it means for the books, and nothing about how either is reached.

Glossary, in the field's own words:

order         what a buyer placed; known to Amazon by its order id (123-1234567-1234567)
shipment      the part of an order that left; income is recorded when goods ship
settlement    Amazon's statement of one period in one currency; its total is what Amazon transfers to the bank
line          one amount in a settlement, typed by (transaction type, amount type, amount description)
clearing      the asset account between invoice and bank; a paid settlement leaves it at zero
reserve       money Amazon keeps back from one settlement and returns in the next
posting       one QuickBooks document from plan to answer
realm         QuickBooks' name for one company
flow          one Amazon seller account in one region, carried into one QuickBooks company
gap           a missing mapping: nothing that needs it is posted until somebody fills it
"""
