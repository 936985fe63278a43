package main

// The few calls of chronolite.h that the example makes, as Go. Nothing of C leaves this file.

/*
#cgo pkg-config: chronolite
#include <chronolite.h>
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"
)

// Ranges without a start or an end.
const (
	NoStart = int64(C.CHL_NO_START)
	NoEnd   = int64(C.CHL_NO_END)
)

// Error is what a call that failed says.
type Error struct {
	Status  string // such as CHL_ERROR_SCHEMA
	Message string
}

func (e *Error) Error() string { return e.Status + ": " + e.Message }

// call makes a call and reads its error in the same thread: chronolite keeps the error by thread, and Go
// moves goroutines from one to another.
func call(f func() C.chl_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	status := f()
	if status >= 0 {
		return nil
	}
	return &Error{C.GoString(C.chl_status_name(C.int32_t(status))), C.GoString(C.chl_last_error().message)}
}

// pins keeps Go memory in place while C reads it through pointers in a struct.
type pins struct{ runtime.Pinner }

func (p *pins) text(s string) *C.char {
	bytes := append([]byte(s), 0)
	p.Pin(&bytes[0])
	return (*C.char)(unsafe.Pointer(&bytes[0]))
}

// zeroed allocates a C struct: cdata asks for memory that is not Go's and all zeros.
func zeroed[T any]() *T {
	return (*T)(C.calloc(1, C.size_t(unsafe.Sizeof(*new(T)))))
}

type DB struct{ raw C.chl_db }

func Open(path string) (db DB, err error) {
	var pin pins
	defer pin.Unpin()
	err = call(func() C.chl_status { return C.chl_open(pin.text(path), nil, &db.raw) })
	return db, err
}

func (db DB) Close() error {
	return call(func() C.chl_status { return C.chl_close(db.raw) })
}

type Table struct{ raw C.chl_table }

// Readings gives the table of the example, and makes it if it is not there: site (the key) and temp.
func (db DB) Readings() (t Table, err error) {
	var pin pins
	defer pin.Unpin()
	site := pin.text("site")
	columns := []C.chl_column{
		{name: site, _type: C.CHL_TYPE_UTF8},
		{name: pin.text("temp"), _type: C.CHL_TYPE_F64},
	}
	pin.Pin(&columns[0])
	pin.Pin(&site)
	spec := C.chl_table_spec{
		columns: &columns[0], column_count: C.size_t(len(columns)),
		key: &site, key_count: 1,
		// A sensor that sends a reading again replaces it: running this twice changes nothing.
		on_conflict: C.CHL_CONFLICT_LAST,
	}
	spec.size = C.size_t(unsafe.Sizeof(spec))
	err = call(func() C.chl_status { return C.chl_create_table(db.raw, pin.text("readings"), &spec, &t.raw) })
	return t, err
}

// AppendRow appends a reading; a nil temp is null.
func (t Table) AppendRow(time int64, site string, temp *float64) error {
	var pin pins
	defer pin.Unpin()
	// cgo takes a union for bytes that may lie anywhere, so the cells are in memory that C has aligned.
	row := zeroed[[2]C.chl_value]()
	defer C.free(unsafe.Pointer(row))
	row[0] = C.chl_text(pin.text(site))
	if temp != nil {
		row[1] = C.chl_float(C.double(*temp))
	}
	return call(func() C.chl_status {
		return C.chl_append_row(t.raw, C.int64_t(time), &row[0], C.size_t(len(row)), nil)
	})
}

// AppendBatch appends a record batch of C's memory, as cdata wants it, and gives the rows appended.
func (t Table) AppendBatch(batch arrow.RecordBatch) (rows uint64, err error) {
	schema, data := zeroed[cdata.CArrowSchema](), zeroed[cdata.CArrowArray]()
	defer C.free(unsafe.Pointer(schema))
	defer C.free(unsafe.Pointer(data))
	cdata.ExportArrowRecordBatch(batch, data, schema)
	// What is in the two structs is taken over and released by the call, whatever comes of it.
	err = call(func() C.chl_status {
		return C.chl_append_arrow(t.raw, (*C.struct_ArrowSchema)(unsafe.Pointer(schema)),
			(*C.struct_ArrowArray)(unsafe.Pointer(data)), (*C.uint64_t)(unsafe.Pointer(&rows)))
	})
	return rows, err
}

// Scan reads the rows with start <= time < end. The caller releases the reader.
func (t Table) Scan(start, end int64) (array.RecordReader, error) {
	stream := zeroed[cdata.CArrowArrayStream]()
	defer C.free(unsafe.Pointer(stream)) // the reader moves out what is in it
	err := call(func() C.chl_status {
		return C.chl_scan(t.raw, C.int64_t(start), C.int64_t(end), nil,
			(*C.struct_ArrowArrayStream)(unsafe.Pointer(stream)))
	})
	if err != nil {
		return nil, err
	}
	reader, err := cdata.ImportCRecordReader(stream, nil)
	if err != nil {
		return nil, err
	}
	records, ok := reader.(array.RecordReader)
	if !ok {
		return nil, fmt.Errorf("cdata's reader is a %T, which cannot be released", reader)
	}
	return records, nil
}
