"""CompanyInfo and Preferences, and the accounts, items and names a new company comes with."""

from adapters.simulated.quickbooks.company import HOME, Company, Record, head
from adapters.simulated.quickbooks.wire import Body

BANK_ACCOUNT = "Checking"
UNDEPOSITED = "Undeposited Funds"
SALES_TAX = "Sales Tax Payable"
EXCHANGE = "Exchange Gain or Loss"
DISCOUNTS = "Discounts given"

_CHART = (
    (BANK_ACCOUNT, "Bank", "Checking"),
    ("Savings", "Bank", "Savings"),
    ("Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable"),
    (UNDEPOSITED, "Other Current Asset", "UndepositedFunds"),
    ("Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable"),
    ("Visa", "Credit Card", "CreditCard"),
    (SALES_TAX, "Other Current Liability", "SalesTaxPayable"),
    ("Opening Balance Equity", "Equity", "OpeningBalanceEquity"),
    ("Retained Earnings", "Equity", "RetainedEarnings"),
    ("Services", "Income", "ServiceFeeIncome"),
    ("Sales of Product Income", "Income", "SalesOfProductIncome"),
    (DISCOUNTS, "Income", "DiscountsRefundsGiven"),
    ("Unapplied Cash Payment Income", "Income", "UnappliedCashPaymentIncome"),
    ("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    ("Office Expenses", "Expense", "OfficeGeneralAdministrativeExpenses"),
    (EXCHANGE, "Other Expense", "ExchangeGainOrLoss"),
)


def furnish(company: Company) -> None:
    """A new company: QuickBooks' own accounts, one bank, one card, and the two items it starts with."""
    for name, kind, subtype in _CHART:
        company.open_account(name, kind, subtype)
    company.receivable(HOME)
    income = company.account_named("Services").id
    for name in ("Services", "Hours"):
        fields = {"Name": name, "FullyQualifiedName": name, "Type": "Service", "IncomeAccountRef": {"value": income}}
        record = Record("Item", company.next_id("Item"), fields, company.now(), company.now())
        company.records["Item"][record.id] = record
        company.claim_name(record, name)


def company_info(company: Company) -> Body:
    address = {
        "Id": "1",
        "Line1": "123 Sierra Way",
        "City": "San Pablo",
        "Country": "USA",  # ISO-3 since 2025-10-31
        "CountrySubDivisionCode": "CA",
        "PostalCode": "87999",
    }
    return {
        "CompanyName": "Simulated Company",
        "LegalName": "Simulated Company",
        "CompanyAddr": address,
        "CustomerCommunicationAddr": address,
        "LegalAddr": address,
        "PrimaryPhone": {},
        "CompanyStartDate": company.started.date().isoformat(),
        "FiscalYearStartMonth": "January",
        "Country": company.dials.country,
        "Email": {"Address": "books@example.com"},
        "WebAddr": {},
        "SupportedLanguages": "en",
        "NameValue": [
            {
                "Name": "SubscriptionStatus",
                "Value": "EXPIRED" if company.dials.subscription_ended else "SUBSCRIBED",
            },
            {"Name": "OfferingSku", "Value": "QuickBooks Online Plus"},
            {"Name": "PayrollFeature", "Value": "false"},
        ],
        **head(_settings(company, "CompanyInfo")),
    }


def preferences(company: Company) -> Body:
    dials = company.dials
    accounting: Body = {
        "FirstMonthOfFiscalYear": "January",
        "UseAccountNumbers": False,
        "TaxYearMonth": "January",
        "ClassTrackingPerTxn": False,
        "ClassTrackingPerTxnLine": False,
        "TrackDepartments": False,
        "CustomerTerminology": "Customers",
    }
    if dials.book_close_date is not None:
        accounting["BookCloseDate"] = dials.book_close_date.isoformat()
    return {
        "AccountingInfoPrefs": accounting,
        "ProductAndServicesPrefs": {
            "ForSales": True,
            "ForPurchase": False,
            "QuantityWithPriceAndRate": True,
            "QuantityOnHand": False,
        },
        "SalesFormsPrefs": {
            "CustomField": [],
            "CustomTxnNumbers": dials.custom_txn_numbers,
            "AllowDeposit": False,
            "AllowDiscount": dials.allow_discount,
            "AllowEstimates": True,
            "AllowServiceDate": False,
            "AllowShipping": False,
            "AutoApplyCredit": False,
            "AutoApplyPayments": False,
            "DefaultTerms": {"value": "3"},
            "UsingProgressInvoicing": False,
        },
        "VendorAndPurchasesPrefs": {"TrackingByCustomer": False, "BillableExpenseTracking": False},
        "TimeTrackingPrefs": {"UseServices": True, "BillCustomers": False},
        "TaxPrefs": {"UsingSalesTax": dials.ast_rate is not None, "PartnerTaxEnabled": dials.ast_rate is not None},
        "CurrencyPrefs": {"MultiCurrencyEnabled": dials.multi_currency, "HomeCurrency": {"value": HOME}},
        "ReportPrefs": {"ReportBasis": "Accrual"},
        "OtherPrefs": {
            "NameValue": [
                {
                    "Name": "SalesFormsPrefs.DefaultCustomerMessage",
                    "Value": "Thank you for your business and have a great day!",
                },
                {"Name": "WarnDuplicateCheckNumber", "Value": "true"},
                {"Name": "WarnDuplicateBillNumber", "Value": "false"},
                {"Name": "WarnDuplicateJournalNumber", "Value": str(dials.warn_duplicate_journal_number).lower()},
            ]
        },
        **head(_settings(company, "Preferences")),
    }


def _settings(company: Company, entity: str) -> Record:
    return Record(entity, "1", {}, company.started, company.started)
