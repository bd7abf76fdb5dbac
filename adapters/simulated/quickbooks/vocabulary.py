"""QuickBooks' own words: the members each entity may carry, account types and subtypes.

Copied from Intuit's Finance.xsd (Apache-2.0, schema of 2026-07-17), because QuickBooks refuses a request with a
member it does not know (fault 2010) and an account of a type it does not have.
"""

_RECORD: frozenset[str] = frozenset(
    """
    Id SyncToken MetaData CustomField AttachableRef domain status sparse
    """.split()
)
_TRANSACTION = frozenset(
    """
    DocNumber TxnDate TxnSubType DepartmentRef CurrencyRef ExchangeRate PrivateNote TxnStatus LinkedTxn Line
    TxnTaxDetail TxnSource TaxFormType TaxFormNum TransactionLocationType Tag TxnApprovalInfo RecurDataRef
    RecurringInfo ProjectRef TotalCostAmount HomeTotalCostAmount
    """.split()
)
_SALES = frozenset(
    """
    AutoDocNumber CustomerRef CustomerMemo BillAddr ShipAddr FreeFormAddress ShipFromAddr RemitToRef ClassRef
    SalesTermRef DueDate SalesRepRef PONumber FOB ShipMethodRef ShipDate TrackingNum GlobalTaxCalculation
    TotalAmt HomeTotalAmt ApplyTaxAfterDiscount ShippingTaxIncludedInTotalTax TemplateRef PrintStatus
    EmailStatus BillEmail BillEmailCc BillEmailBcc ARAccountRef Balance HomeBalance FinanceCharge
    PaymentMethodRef PaymentRefNum PaymentType CheckPayment CreditCardPayment DepositToAccountRef DeliveryInfo
    DiscountRate DiscountAmt GovtTxnRefIdentifier TaxExemptionRef
    """.split()
)
MEMBERS = {
    "Invoice": _RECORD
    | _TRANSACTION
    | _SALES
    | frozenset(
        """
        Deposit AllowIPNPayment AllowOnlinePayment AllowOnlineCreditCardPayment AllowOnlineACHPayment
        AllowOnlinePayPalPayment AllowOnlineAffirmPayment EInvoiceStatus ECloudStatusTimeStamp CfdiUse
        Exportation GlobalInfo invoiceStatus callToAction invoiceStatusLog InvoiceEx LessCIS InvoiceLink
        PaymentDetailsMessage ConvenienceFeeDetail EnabledSurchargeInfo InvoiceLinkSecurityCode
        InvoiceLinkExpiryDate AutoPayEligible SchedulePayEligible ScheduledPaymentId GratuityEnabled
        FinancingProductType SubscriptionPaymentsSetting TxnRetainageDetail
        """.split()
    ),
    "SalesReceipt": _RECORD
    | _TRANSACTION
    | _SALES
    | frozenset(
        """
        SalesReceiptEx LessCIS
        """.split()
    ),
    "CreditMemo": _RECORD
    | _TRANSACTION
    | _SALES
    | frozenset(
        """
        RemainingCredit InvoiceRef CreditMemoEx
        """.split()
    ),
    "RefundReceipt": _RECORD
    | _TRANSACTION
    | _SALES
    | frozenset(
        """
        RemainingCredit RefundReceiptEx
        """.split()
    ),
    "Payment": _RECORD
    | _TRANSACTION
    | frozenset(
        """
        CustomerRef RemitToRef ARAccountRef DepositToAccountRef PaymentMethodRef PaymentRefNum PaymentType
        CheckPayment CreditCardPayment TotalAmt UnappliedAmt ProcessPayment PaymentExtendedType PaymentEx
        """.split()
    ),
    "Deposit": _RECORD
    | _TRANSACTION
    | frozenset(
        """
        DepositToAccountRef CashBack GlobalTaxCalculation TotalAmt HomeTotalAmt DepositEx
        """.split()
    ),
    "JournalEntry": _RECORD
    | _TRANSACTION
    | frozenset(
        """
        Adjustment HomeCurrencyAdjustment EnteredInHomeCurrency GlobalTaxCalculation TotalAmt HomeTotalAmt
        JournalEntryEx
        """.split()
    ),
    "Purchase": _RECORD
    | _TRANSACTION
    | frozenset(
        """
        AccountRef PaymentMethodRef PaymentRefNum PaymentType CheckPayment CreditCardPayment EntityRef
        Credit RemitToAddr TotalAmt TxnId TxnNum Memo PrintStatus GlobalTaxCalculation PurchaseEx LessCIS
        IncludeInAnnualTPAR
        """.split()
    ),
    "Account": _RECORD
    | frozenset(
        """
        Name SubAccount ParentRef Description FullyQualifiedName AccountAlias TxnLocationType Active
        Classification AccountType AccountSubType AccountPurposes AcctNum AcctNumExtn BankNum OpeningBalance
        OpeningBalanceDate CurrentBalance CurrentBalanceWithSubAccounts CurrencyRef TaxAccount TaxCodeRef
        OnlineBankingEnabled FIName JournalCodeRef AccountEx
        """.split()
    ),
    "Item": _RECORD
    | frozenset(
        """
        Name Sku Description Active SubItem ParentRef Level FullyQualifiedName Taxable SalesTaxIncluded
        PercentBased UnitPrice RatePercent Type PaymentMethodRef UOMSetRef IncomeAccountRef PurchaseDesc
        PurchaseTaxIncluded PurchaseCost ExpenseAccountRef COGSAccountRef AssetAccountRef PrefVendorRef
        AvgCost TrackQtyOnHand QtyOnHand QtyOnPurchaseOrder QtyOnSalesOrder ReorderPoint ManPartNum
        DepositToAccountRef SalesTaxCodeRef PurchaseTaxCodeRef InvStartDate BuildPoint PrintGroupedItems
        SpecialItem SpecialItemType ItemGroupDetail ItemAssemblyDetail AbatementRate ReverseChargeRate
        ServiceType ItemCategoryType ItemEx TaxClassificationRef UQCDisplayText UQCId ClassRef Source
        DeferredRevenue CustomExtensions
        """.split()
    ),
    "Customer": _RECORD
    | frozenset(
        """
        IntuitId Organization Title GivenName MiddleName FamilyName Suffix FullyQualifiedName CompanyName
        DisplayName PrintOnCheckName UserId Active V4IDPseudonym PrimaryPhone AlternatePhone Mobile Fax
        PrimaryEmailAddr WebAddr OtherContactInfo DefaultTaxCodeRef Taxable BillAddr ShipAddr OtherAddr
        ContactName AltContactName Notes Job BillWithParent RootCustomerRef ParentRef Level CustomerTypeRef
        SalesTermRef SalesRepRef TaxGroupCodeRef TaxRateRef PaymentMethodRef CCDetail PriceLevelRef Balance
        OpenBalanceDate BalanceWithJobs CreditLimit AcctNum CurrencyRef OverDueBalance TotalRevenue
        TotalExpense PreferredDeliveryMethod ResaleNum JobInfo TDSEnabled CustomerEx SecondaryTaxIdentifier
        ARAccountRef PrimaryTaxIdentifier TaxExemptionReasonId IsProject BusinessNumber GSTIN
        GSTRegistrationType IsCISContractor ClientCompanyId ClientEntityId Source TaxRegime
        """.split()
    ),
    "Vendor": _RECORD
    | frozenset(
        """
        IntuitId Organization Title GivenName MiddleName FamilyName Suffix FullyQualifiedName CompanyName
        DisplayName PrintOnCheckName UserId Active V4IDPseudonym PrimaryPhone AlternatePhone Mobile Fax
        PrimaryEmailAddr WebAddr OtherContactInfo DefaultTaxCodeRef ContactName AltContactName Notes
        BillAddr ShipAddr OtherAddr TaxCountry TaxIdentifier TaxIdEffectiveDate BusinessNumber ParentRef
        VendorTypeRef TermRef PrefillAccountRef Balance BillRate OpenBalanceDate CreditLimit AcctNum
        Vendor1099 T4AEligible T5018Eligible CurrencyRef TDSEnabled TDSEntityTypeId TDSSectionTypeId
        TDSOverrideThreshold TaxReportingBasis APAccountRef VendorEx GSTIN GSTRegistrationType
        IsSubContractor SubcontractorType CISRate HasTPAR VendorPaymentBankDetail Source CostRate
        AgencyVerificationStatus AgencyVerificationStatusMsg AgencyVerificationTSUTC
        CompanyRegistrationNumber
        """.split()
    ),
}
DETAILS = {
    "Line": frozenset(
        """
        Id LineNum Description Amount Received LinkedTxn DetailType PaymentLineDetail DiscountLineDetail
        TaxLineDetail SalesItemLineDetail DescriptionLineDetail ItemBasedExpenseLineDetail
        AccountBasedExpenseLineDetail ReimburseLineDetail DepositLineDetail PurchaseOrderItemLineDetail
        SalesOrderItemLineDetail ItemReceiptLineDetail JournalEntryLineDetail GroupLineDetail
        SubTotalLineDetail TDSLineDetail ItemAdjustmentLineDetail CustomField LineEx ProjectRef CostAmount
        HomeCostAmount CustomExtensions
        """.split()
    ),
    "SalesItemLineDetail": frozenset(
        """
        ItemRef ClassRef UnitPrice UnitCostPrice RatePercent PriceLevelRef MarkupInfo Qty UOMRef
        ItemAccountRef InventorySiteRef TaxCodeRef TaxClassificationRef ServiceDate TaxInclusiveAmt
        DiscountRate DiscountAmt DeferredRevenue RetainageAmount SalesItemLineDetailEx
        """.split()
    ),
    "DepositLineDetail": frozenset(
        """
        Entity ClassRef AccountRef PaymentMethodRef CheckNum TxnType TaxCodeRef TaxApplicableOn
        DepositLineDetailEx
        """.split()
    ),
    "JournalEntryLineDetail": frozenset(
        """
        PostingType Entity AccountRef ClassRef DepartmentRef TaxCodeRef TaxRateRef TaxApplicableOn TaxAmount
        TaxInclusiveAmt BillableStatus JournalCodeRef JournalEntryLineDetailEx
        """.split()
    ),
    "AccountBasedExpenseLineDetail": frozenset(
        """
        CustomerRef ClassRef AccountRef BillableStatus MarkupInfo TaxAmount TaxCodeRef TaxInclusiveAmt
        ExpenseDetailLineDetailEx
        """.split()
    ),
    "DiscountLineDetail": frozenset(
        """
        DiscountRef PercentBased DiscountPercent DiscountAccountRef ServiceDate ClassRef TaxCodeRef
        DiscountLineDetailEx
        """.split()
    ),
}
ACCOUNT_SUBTYPES = frozenset(
    """
    IncomeTaxPayable IntangibleAssetsOther AccountsPayable AccountsReceivable AccumulatedAdjustment
    AccumulatedAmortization AccumulatedAmortizationOfOtherAssets AccumulatedDepletion AccumulatedDepreciation
    AdvertisingPromotional AllowanceForBadDebts Amortization Auto BadDebts BankCharges Buildings CashOnHand
    CharitableContributions Checking CommonStock CostOfLabor CostOfLaborCos CreditCard DepletableAssets
    Depreciation DevelopmentCosts DirectDepositPayable DiscountsRefundsGiven DividendIncome DuesSubscriptions
    EmployeeCashAdvances Entertainment EntertainmentMeals EquipmentRental EquipmentRentalCos EstimatedTaxes
    ExchangeGainOrLoss FederalIncomeTaxPayable FinanceCosts FixedAssetComputers FixedAssetCopiers
    FixedAssetFurniture FixedAssetPhone FixedAssetPhotoVideo FixedAssetSoftware FixedAssetOtherToolsEquipment
    FurnitureAndFixtures GlobalTaxExpense GlobalTaxPayable GlobalTaxSuspense GasAndFuel Goodwill Gratuity
    DeferredRevenue Healthcare HealthSavingsAccountContributions HomeOffice HomeownerRentalInsurance Insurance
    InsurancePayable IntangibleAssets InterestEarned InterestPaid Inventory Investment_MortgageRealEstateLoans
    Investment_Other Investment_TaxExemptSecurities Investment_USGovernmentObligations Land LeaseBuyout
    LeaseholdImprovements LegalProfessionalFees Licenses LineOfCredit LoanPayable LoansToOfficers LoansToOthers
    LoansToStockholders MachineryAndEquipment MoneyMarket MortgageInterestHomeOffice NonProfitIncome
    NotesPayable OfficeGeneralAdministrativeExpenses OpeningBalanceEquity OrganizationalCosts
    OtherBusinessExpenses OtherCostsOfServiceCos OtherCurrentAssets OtherCurrentLiabilities OtherFixedAssets
    OtherHomeOfficeExpenses OtherInvestmentIncome OtherLongTermAssets OtherLongTermLiabilities
    OtherMiscellaneousExpense OtherMiscellaneousIncome OtherMiscellaneousServiceCost OtherPrimaryIncome
    OtherVehicleExpenses OwnersEquity PaidInCapitalOrSurplus ParkingAndTolls PartnerContributions
    PartnerDistributions PartnersEquity PayrollClearing PayrollExpenses PayrollTaxExpenses PayrollWageExpenses
    PayrollTaxPayable PenaltiesSettlements PersonalExpense PersonalIncome PreferredStock PrepaidExpenses
    PrepaidExpensesPayable PromotionalMeals PropertyTaxHomeOffice RentAndLeaseHomeOffice RentOrLeaseOfBuildings
    RentsHeldInTrust RentsInTrustLiability RepairsAndMaintainceHomeOffice RepairMaintenance Retainage
    RetainedEarnings SalesOfProductIncome SalesTaxPayable Savings SecurityDeposits ServiceFeeIncome
    ShareholderNotesPayable ShippingFreightDelivery ShippingFreightDeliveryCos StateLocalIncomeTaxPayable
    SuppliesMaterials SuppliesMaterialsCogs TaxesPaid TaxExemptInterest Travel TravelMeals TreasuryStock
    TrustAccounts TrustAccountsLiabilities UnappliedCashBillPaymentExpense UnappliedCashPaymentIncome
    UndepositedFunds Utilities Communications UtilitiesHomeOffice Vehicle VehicleInsurance VehicleLease
    VehicleLoan VehicleLoanInterest VehicleRegistration VehicleRepairs Vehicles WashAndRoadServices
    WithholdingTaxSales WithholdingTaxPurchases WithholdingAssetAmount WithholdingLiabilityAmount
    WithholdingTaxSuspense ProvisionsCurrentAssets OtherConsumables ExpenditureAuthorisationsAndLettersOfCredit
    InternalTransfers ProvisionsFixedAssets AssetsInCourseOfConstruction ParticipatingInterests
    CumulativeDepreciationOnIntangibleAssets ProvisionsNonCurrentAssets OutstandingDuesMicroSmallEnterprise
    OutstandingDuesOtherThanMicroSmallEnterprise GlobalTaxRefund GlobalTaxDeferred ProvisionsCurrentLiabilities
    StaffAndRelatedLiabilityAccounts SocialSecurityAgencies SundryDebtorsAndCreditors
    ProvisionsNonCurrentLiabilities DebtsRelatedToParticipatingInterests
    StaffAndRelatedLongTermLiabilityAccounts GovernmentAndOtherPublicAuthorities GroupAndAssociates
    InvestmentGrants CashReceiptIncome OwnWorkCapitalized OperatingGrants OtherCurrentOperatingIncome
    CostOfSales CashExpenditureExpense ExternalServices OtherExternalServices PurchasesRebates OtherRentalCosts
    ProjectStudiesSurveysAssessments Sundry StaffCosts OtherCurrentOperatingCharges ExtraordinaryCharges
    AppropriationsToDepreciation AccrualsAndDeferredIncome CurrentTaxLiability DeferredTax DistributionCosts
    Investments LongTermBorrowings OtherIntangibleAssets PrepaymentsAndAccruedIncome ShortTermBorrowings
    ProvisionForLiabilities CalledUpShareCapital CalledUpShareCapitalNotPaid LandAsset
    AvailableForSaleFinancialAssets ProvisionForWarrantyObligations CurrentPortionEmployeeBenefitsObligations
    LongTermEmployeeBenefitObligations ObligationsUnderFinanceLeases BankLoans InterestPayables
    GainLossOnSaleOfInvestments GainLossOnSaleOfFixedAssets ShareCapital
    CurrentPortionOfObligationsUnderFinanceLeases AssetsHeldForSale AccruedLiabilities
    AccruedLongLermLiabilities AccruedVacationPayable CashAndCashEquivalents CommissionsAndFees
    AmortizationExpense LossOnDiscontinuedOperationsNetOfTax ManagementCompensation OtherSellingExpenses
    LiabilitiesRelatedToAssetsHeldForSale LongTermDebit EquityInEarningsOfSubsiduaries OtherOperatingIncome
    RevenueGeneral DividendDisbursed FreightAndDeliveryCos ShippingAndDeliveryExpense
    TravelExpensesGeneralAndAdminExpenses TravelExpensesSellingExpense UnrealisedLossOnSecuritiesNetOfTax
    SalesRetail SalesWholesale AccumulatedOtherComprehensiveIncome AssetsAvailableForSale LossOnDisposalOfAssets
    NonCurrentAssets IncomeTaxExpense LongTermInvestments DividendsPayable TradeAndOtherReceivables
    TradeAndOtherPayables CurrentLiabilities SavingsByTaxScheme BorrowingCost Depletion ExceptionalItems
    PriorPeriodItems ExtraordinaryItems MatCredit OtherFreeReserves CapitalReserves Funds
    MoneyReceivedAgainstShareWarrants ShareApplicationMoneyPendingAllotment DeferredTaxLiabilities
    OtherLongTermProvisions CapitalWip IntangibleAssetsUnderDevelopment OtherLongTermInvestments
    LongTermLoansAndAdvancesToRelatedParties OtherLongTermLoansAndAdvances ShortTermInvestmentsInRelatedParties
    OtherEarmarkedBankAccounts ShortTermLoansAndAdvancesToRelatedParties DeferredTaxExpense
    IncomeTaxOtherExpense DutiesAndTaxes BalWithGovtAuthorities TaxRoundoffGainOrLoss OtherDebtors
    RentARoomReliefRentsReceived UkTaxesWithheld ForeignTaxesIncurred PremiumsReceived PremiumsPaid
    FinanceCostsRestricted CarriedForwardRelief RentARoomReliefReliefClaimed
    """.split()
)

# Which classification, and so which half of the books, a type of account belongs to.
CLASSIFICATION = {
    "Bank": "Asset",
    "Accounts Receivable": "Asset",
    "Other Current Asset": "Asset",
    "Fixed Asset": "Asset",
    "Other Asset": "Asset",
    "Accounts Payable": "Liability",
    "Credit Card": "Liability",
    "Other Current Liability": "Liability",
    "Long Term Liability": "Liability",
    "Equity": "Equity",
    "Income": "Revenue",
    "Other Income": "Revenue",
    "Cost of Goods Sold": "Expense",
    "Expense": "Expense",
    "Other Expense": "Expense",
    "Non-Posting": "Asset",
}

# The subtypes we are sure of. A subtype that is missing here is accepted under any type.
TYPE_OF_SUBTYPE = {
    "Checking": "Bank",
    "Savings": "Bank",
    "MoneyMarket": "Bank",
    "CashOnHand": "Bank",
    "AccountsReceivable": "Accounts Receivable",
    "AccountsPayable": "Accounts Payable",
    "OtherCurrentAssets": "Other Current Asset",
    "UndepositedFunds": "Other Current Asset",
    "PrepaidExpenses": "Other Current Asset",
    "Inventory": "Other Current Asset",
    "CreditCard": "Credit Card",
    "OtherCurrentLiabilities": "Other Current Liability",
    "LoanPayable": "Other Current Liability",
    "GlobalTaxPayable": "Other Current Liability",
    "SalesTaxPayable": "Other Current Liability",
    "OpeningBalanceEquity": "Equity",
    "RetainedEarnings": "Equity",
    "OwnersEquity": "Equity",
    "SalesOfProductIncome": "Income",
    "ServiceFeeIncome": "Income",
    "OtherPrimaryIncome": "Income",
    "DiscountsRefundsGiven": "Income",
    "UnappliedCashPaymentIncome": "Income",
    "NonProfitIncome": "Income",
    "OtherCostsOfServiceCos": "Cost of Goods Sold",
    "ShippingFreightDeliveryCos": "Cost of Goods Sold",
    "SuppliesMaterialsCogs": "Cost of Goods Sold",
    "CostOfLaborCos": "Cost of Goods Sold",
    "EquipmentRentalCos": "Cost of Goods Sold",
    "AdvertisingPromotional": "Expense",
    "OtherMiscellaneousServiceCost": "Expense",
    "DuesSubscriptions": "Expense",
    "OtherBusinessExpenses": "Expense",
    "InterestPaid": "Expense",
    "BankCharges": "Expense",
    "ShippingFreightDelivery": "Expense",
    "OfficeGeneralAdministrativeExpenses": "Expense",
    "OtherMiscellaneousIncome": "Other Income",
    "InterestEarned": "Other Income",
    "OtherMiscellaneousExpense": "Other Expense",
    "ExchangeGainOrLoss": "Other Expense",
}

CURRENCY_NAMES = {
    "USD": "United States Dollar",
    "CAD": "Canadian Dollar",
    "EUR": "Euro",
    "GBP": "British Pound Sterling",
    "MXN": "Mexican Peso",
    "AUD": "Australian Dollar",
    "JPY": "Japanese Yen",
    "SEK": "Swedish Krona",
    "PLN": "Polish Zloty",
}
