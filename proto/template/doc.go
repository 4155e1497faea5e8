// Package template describes data templates (数据模板): which fields the records of a product version
// carry, and what each field may hold.
//
// A [Content] is what a person writes and a node keeps. [Content.Normalise] fills in what may be left
// out, [Content.Check] names every mistake, [Compare] says whether a new revision leaves all stored
// records valid, [Content.JSONSchema] tells other programs the same rules. Compiled to a [Validator], a
// template checks the values of a record and translates between them and a plain JSON object.
//
// The model is the superset of the two generations that are in use (specification snms-api.md, section 5):
// the templates of SNMS, whose items are strings at indexes from 2000 on with the item's English name as
// the type of the value (sections 4.3 and 5.1, after IDG dev-tools/snms/v5), and the typed metadata of
// IDHub (section 5.2, after IDG commercial/api/meta.md). What the top-level node asks for of a template is
// its industry, object type and fields (toplevel.md, tables T4 and T11, after the docking guide, annex 1);
// of a record, the product data of T9, which a field's [Role] finds.
//
// The package imports only the standard library and package identifier.
package template
